// C += A * B for matrices that fit in the nearest cache, on the calling thread: what attention does
// per head, where a BLAS call costs more than the product. B and C are row-major with rows padded
// to whole vectors; A may have any strides, since its elements are broadcast one at a time, so that
// a transposed A needs no copy.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/core/vector.h"

namespace obverse::kernels {

template <typename T>
struct StridedMatrix {
  const T* data;
  std::int64_t row_stride, column_stride;
};

// Rows of C that stay in registers at a time: 8 x 2 sums leave room for B's vectors among 32 of
// them.
inline constexpr int kSmallMatmulRows = 8;

namespace detail {

// A tile of `rows` x (`vectors` * lanes) of C stays in registers over the whole depth.
template <typename T, int lanes, int rows, int vectors>
inline void multiply_tile(std::int64_t depth, StridedMatrix<T> a, const T* b, std::int64_t b_stride,
                          T* c, std::int64_t c_stride) {
  using V = Vector<T, lanes>;
  V sums[rows][vectors];
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < vectors; ++j) {
      std::memcpy(&sums[i][j], c + i * c_stride + j * lanes, sizeof(V));
    }
  }
  for (std::int64_t p = 0; p < depth; ++p) {
    V row[vectors];
    for (int j = 0; j < vectors; ++j) std::memcpy(&row[j], b + p * b_stride + j * lanes, sizeof(V));
    for (int i = 0; i < rows; ++i) {
      const T scale = a.data[i * a.row_stride + p * a.column_stride];
      for (int j = 0; j < vectors; ++j) sums[i][j] += scale * row[j];
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < vectors; ++j) {
      std::memcpy(c + i * c_stride + j * lanes, &sums[i][j], sizeof(V));
    }
  }
}

template <typename T, int lanes, int vectors>
inline void multiply_columns(std::int64_t m, std::int64_t depth, StridedMatrix<T> a, const T* b,
                             std::int64_t b_stride, T* c, std::int64_t c_stride) {
  constexpr int kRows = kSmallMatmulRows;
  std::int64_t i = 0;
  for (; i + kRows <= m; i += kRows) {
    multiply_tile<T, lanes, kRows, vectors>(
        depth, {a.data + i * a.row_stride, a.row_stride, a.column_stride}, b, b_stride,
        c + i * c_stride, c_stride);
  }
  for (; i + 2 <= m; i += 2) {
    multiply_tile<T, lanes, 2, vectors>(depth,
                                        {a.data + i * a.row_stride, a.row_stride, a.column_stride},
                                        b, b_stride, c + i * c_stride, c_stride);
  }
  if (i < m) {
    multiply_tile<T, lanes, 1, vectors>(depth,
                                        {a.data + i * a.row_stride, a.row_stride, a.column_stride},
                                        b, b_stride, c + i * c_stride, c_stride);
  }
}

}  // namespace detail

// c[m, n] += a[m, depth] * b[depth, n]. REQUIRES: n is a multiple of lanes; C overlaps neither A
// nor B.
template <typename T, int lanes>
void small_matmul(std::int64_t m, std::int64_t n, std::int64_t depth, StridedMatrix<T> a,
                  const T* b, std::int64_t b_stride, T* c, std::int64_t c_stride) {
  std::int64_t j = 0;
  for (; j + 2 * lanes <= n; j += 2 * lanes) {
    detail::multiply_columns<T, lanes, 2>(m, depth, a, b + j, b_stride, c + j, c_stride);
  }
  if (j < n) detail::multiply_columns<T, lanes, 1>(m, depth, a, b + j, b_stride, c + j, c_stride);
}

}  // namespace obverse::kernels
