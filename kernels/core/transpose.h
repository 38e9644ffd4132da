// A matrix copied transposed, on the calling thread: squares of lanes x lanes elements cross over
// in registers, since element by element a copy costs as much as the small products that need it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/core/vector.h"

namespace obverse::kernels {

namespace detail {

// One stage of a transpose of lanes x lanes elements in registers: of each pair of rows that are
// `span` apart, the first keeps its even blocks of `span` lanes and takes the second's even ones in
// place of its odd ones; the second does the reverse. log2(lanes) stages exchange halves, quarters,
// ... and the result is the transpose.
template <typename T, int lanes, int span, int... lane>
[[gnu::always_inline]] inline void exchange(Vector<T, lanes>* rows,
                                            std::integer_sequence<int, lane...> all) {
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) {
    if (i / span % 2 == 1) continue;
    const Vector<T, lanes> first = rows[i];
    const Vector<T, lanes> second = rows[i + span];
    // Lanes of the second vector count on from those of the first.
    rows[i] = __builtin_shufflevector(first, second,
                                      (lane / span % 2 == 0 ? lane : lane - span + lanes)...);
    rows[i + span] = __builtin_shufflevector(
        first, second, (lane / span % 2 == 0 ? lane + span : lane + lanes)...);
  }
  if constexpr (span > 1) exchange<T, lanes, span / 2>(rows, all);
}

template <typename T, int lanes>
[[gnu::always_inline]] inline void transpose_square(const T* from, std::int64_t from_stride, T* to,
                                                    std::int64_t to_stride) {
  Vector<T, lanes> rows[lanes];
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) rows[i] = load<T, lanes>(from + i * from_stride);
  exchange<T, lanes, lanes / 2>(rows, std::make_integer_sequence<int, lanes>());
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) store<T, lanes>(to + i * to_stride, rows[i]);
}

}  // namespace detail

// to[p * to_stride + i] = from[i * stride + p] for i in [0, rows) and p in [0, width); zeros for i
// in [rows, to_stride). REQUIRES: rows <= to_stride.
template <typename T, int lanes>
void copy_transposed(const T* from, std::int64_t stride, std::int64_t rows, std::int64_t width,
                     T* to, std::int64_t to_stride) {
  std::int64_t i = 0;
  for (; i + lanes <= rows; i += lanes) {
    std::int64_t p = 0;
    for (; p + lanes <= width; p += lanes) {
      detail::transpose_square<T, lanes>(from + i * stride + p, stride, to + p * to_stride + i,
                                         to_stride);
    }
    for (; p < width; ++p) {
      for (int lane = 0; lane < lanes; ++lane) {
        to[p * to_stride + i + lane] = from[(i + lane) * stride + p];
      }
    }
  }
  if (i == to_stride) return;
  for (std::int64_t p = 0; p < width; ++p) {
    for (std::int64_t rest = i; rest < rows; ++rest) {
      to[p * to_stride + rest] = from[rest * stride + p];
    }
    std::fill(to + p * to_stride + rows, to + (p + 1) * to_stride, T(0));
  }
}

}  // namespace obverse::kernels
