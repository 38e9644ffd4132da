// Sums down the columns of an array whose rows are visited once, a block of rows at a time: what a
// norm's backward does with its parameters' gradients while it writes its input's.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/core/division.h"
#include "kernels/core/partition.h"
#include "kernels/core/scratch.h"

namespace obverse::kernels {

// Short float sums lose less than long ones, and a block's rows are still in the nearest cache when
// they are read again.
inline constexpr std::int64_t kRowBlock = 32;

// Calls body(begin, end, sums) for each block of rows; `sums` are `count` pointers to `width`
// elements each, to which it adds the block's share once an element. In the end `totals` have been
// added to, block by block: the same bits whatever the thread count. A total may be nullptr: its
// sums are then nullptr, too.
template <typename T, std::size_t count, typename Body>
void sum_row_blocks(std::int64_t rows, std::int64_t width, const std::array<T*, count>& totals,
                    const Body& body) {
  const std::int64_t blocks = quotient_up(rows, kRowBlock);
  const auto visit = [&](std::int64_t block, const std::array<T*, count>& sums) {
    body(block * kRowBlock, std::min(rows, (block + 1) * kRowBlock), sums);
  };
  if (thread_count() == 1 || rows * width < 2 * kElementsPerThread) {
    for (std::int64_t block = 0; block < blocks; ++block) visit(block, totals);
    return;
  }
  // Blocks are anybody's, hence sums of their own; they are added up by columns.
  const auto each = static_cast<std::int64_t>(count) * width;
  Scratch<T> scratch(blocks * each);
  T* const all = scratch.take(blocks * each);
  const auto sums_of = [&](std::int64_t block) {
    std::array<T*, count> sums = totals;
    for (std::size_t i = 0; i < count; ++i) {
      if (sums[i] != nullptr) sums[i] = all + block * each + static_cast<std::int64_t>(i) * width;
    }
    return sums;
  };
  parallel_for(blocks, kElementsPerThread / (kRowBlock * std::max<std::int64_t>(1, width)) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 std::fill(all + begin * each, all + end * each, T(0));
                 for (std::int64_t block = begin; block < end; ++block) {
                   visit(block, sums_of(block));
                 }
               });
  parallel_columns(blocks, width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::array<T*, count> sums = sums_of(block);
      for (std::size_t i = 0; i < count; ++i) {
        if (totals[i] == nullptr) continue;
        T* const total = totals[i];
        const T* const sum = sums[i];
#pragma omp simd
        for (std::int64_t j = begin; j < end; ++j) total[j] += sum[j];
      }
    }
  });
}

}  // namespace obverse::kernels
