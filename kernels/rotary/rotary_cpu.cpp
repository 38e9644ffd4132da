#include <algorithm>
#include <cstdint>

#include "kernels/core/division.h"
#include "kernels/core/partition.h"
#include "kernels/rotary/rotary.h"
#include "kernels/rotary/rotary_angle.h"

namespace obverse::kernels::cpu {
namespace {

// Sines and cosines are tabulated for this many positions and pairs at a time, on the stack.
constexpr std::int64_t kPositions = kRotaryPositions;
constexpr std::int64_t kPairs = 64;

template <typename T>
struct AngleTable {
  T cosine[kPositions][kPairs];
  T sine[kPositions][kPairs];
};

// For `positions` positions from `first` on.
template <typename T>
void fill_table(const Rotary<T>& arguments, std::int64_t first, std::int64_t positions,
                std::int64_t first_pair, std::int64_t pairs, AngleTable<T>& table) {
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    for_each_angle(arguments, first_pair + pair, first, positions,
                   [&](std::int64_t index, const RotaryAngle& angle) {
                     table.cosine[index][pair] = static_cast<T>(angle.cosine);
                     table.sine[index][pair] = static_cast<T>(angle.sine);
                   });
  }
}

// Rotates `pairs` pairs of every head of one token. kConstantPairs is their number where the
// compiler is to know it.
template <std::int64_t kConstantPairs, typename T>
void rotate_token(const Rotary<T>& arguments, std::int64_t token, std::int64_t first_pair,
                  std::int64_t runtime_pairs, const T* cosine, const T* sine) {
  const std::int64_t pairs = kConstantPairs > 0 ? kConstantPairs : runtime_pairs;
  const std::int64_t half = arguments.head_size / 2;
  const std::int64_t begin = token * arguments.stride;
  const std::int64_t row = arguments.heads * arguments.head_size;
  const T* input = arguments.input.subspan(begin, row).data() + first_pair;
  T* out = arguments.out.subspan(begin, row).data() + first_pair;
  for (std::int64_t head = 0; head < row; head += arguments.head_size) {
    // `simd` also tells the compiler that input and out are either the same or apart.
#pragma omp simd
    for (std::int64_t pair = 0; pair < pairs; ++pair) {
      const T a = input[head + pair], b = input[head + half + pair];
      out[head + pair] = a * cosine[pair] - b * sine[pair];
      out[head + half + pair] = b * cosine[pair] + a * sine[pair];
    }
  }
}

// What stands behind the heads of one token.
template <typename T>
void copy_rest(const Rotary<T>& arguments, std::int64_t token) {
  const std::int64_t row = arguments.heads * arguments.head_size;
  const std::int64_t begin = token * arguments.stride + row, count = arguments.stride - row;
  std::copy_n(arguments.input.subspan(begin, count).data(), count,
              arguments.out.subspan(begin, count).data());
}

// Work items are (block of positions, sequence of the batch), the blocks outermost so that a table
// serves many items: all that have the same first position.
template <std::int64_t kConstantPairs, typename T>
void rotate_items(const Rotary<T>& arguments, std::int64_t begin, std::int64_t end,
                  std::int64_t first_pair, std::int64_t pairs) {
  const bool copies = first_pair == 0 && arguments.out.data() != arguments.input.data();
  AngleTable<T> table;
  std::int64_t tabulated = -1, tabulated_first = -1;
  for (std::int64_t item = begin; item < end; ++item) {
    const std::int64_t block = item / arguments.batch, sequence = item % arguments.batch;
    const std::int64_t positions = std::min(kPositions, arguments.sequence - block * kPositions);
    const std::int64_t first =
        block * kPositions +
        (arguments.first_positions.empty() ? 0 : arguments.first_positions[sequence]);
    // The last block of a sequence has fewer positions.
    if (block != tabulated || first != tabulated_first) {
      fill_table(arguments, first, positions, first_pair, pairs, table);
    }
    tabulated = block;
    tabulated_first = first;
    for (std::int64_t position = 0; position < positions; ++position) {
      const std::int64_t token = sequence * arguments.sequence + block * kPositions + position;
      rotate_token<kConstantPairs>(arguments, token, first_pair, pairs, table.cosine[position],
                                   table.sine[position]);
      if (copies) copy_rest(arguments, token);
    }
  }
}

}  // namespace

template <typename T>
void rotary(const Rotary<T>& arguments) {
  rotary_check(arguments);
  for (const std::int32_t first : arguments.first_positions) {
    require(first >= 0, "[rotary] expected first_positions of at least 0, got ", first);
  }
  const std::int64_t blocks = quotient_up(arguments.sequence, kPositions);
  const std::int64_t half = arguments.head_size / 2;
  parallel_rows(blocks * arguments.batch, kPositions * arguments.stride,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t first = 0; first < half; first += kPairs) {
                    const std::int64_t pairs = std::min(kPairs, half - first);
                    // At the usual head sizes of small models the loop's own bookkeeping would cost
                    // more than the arithmetic.
                    if (pairs == 8) {
                      rotate_items<8>(arguments, begin, end, first, pairs);
                    } else if (pairs == 16) {
                      rotate_items<16>(arguments, begin, end, first, pairs);
                    } else if (pairs == 32) {
                      rotate_items<32>(arguments, begin, end, first, pairs);
                    } else {
                      rotate_items<0>(arguments, begin, end, first, pairs);
                    }
                  }
                });
}

template void rotary(const Rotary<float>&);
template void rotary(const Rotary<double>&);

}  // namespace obverse::kernels::cpu
