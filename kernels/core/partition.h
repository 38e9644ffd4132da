// How the CPU kernels cut their arrays among threads. Small arrays stay on the calling thread:
// starting a team costs microseconds, as much as streaming some ten thousand elements through the
// cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/core/division.h"
#include "kernels/core/parallel.h"

namespace obverse::kernels {

// Elements a thread must have before it is worth waking. 512 rows of width 64 stay on one thread.
inline constexpr std::int64_t kElementsPerThread = 32768;
// Column ranges begin at multiples of this: a cache line of floats, so that threads share no line
// of a destination.
inline constexpr std::int64_t kColumnUnit = 16;

// Calls body(begin, end) on ranges that cover `count` elements.
template <typename Body>
void parallel_elements(std::int64_t count, const Body& body) {
  parallel_for(count, kElementsPerThread, body);
}

// Calls body(begin, end) on ranges that cover `rows` rows of `width` elements.
template <typename Body>
void parallel_rows(std::int64_t rows, std::int64_t width, const Body& body) {
  parallel_for(rows, kElementsPerThread / std::max<std::int64_t>(1, width) + 1, body);
}

// Calls body(begin, end) on ranges that cover the `width` columns of `rows` rows. A sum down the
// rows of a column that one thread owns has the same bits whatever the thread count, and needs no
// scratch memory.
template <typename Body>
void parallel_columns(std::int64_t rows, std::int64_t width, const Body& body) {
  const std::int64_t units = quotient_up(width, kColumnUnit);
  const std::int64_t unit_elements = std::max<std::int64_t>(1, rows * kColumnUnit);
  parallel_for(units, kElementsPerThread / unit_elements + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 body(begin * kColumnUnit, std::min(width, end * kColumnUnit));
               });
}

}  // namespace obverse::kernels
