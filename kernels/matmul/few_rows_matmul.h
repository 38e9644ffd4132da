// c = initial + a * b^T for a few rows of A and rows of B that lie as they are multiplied: what a
// model that writes a text does for every token, whose weights are read once and never again.
// Packing them into panels would read and write them once more. On the calling thread.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/core/vector.h"

namespace obverse::kernels {

template <typename T>
struct FewRowsMatmul {
  std::int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;        // [m, k], rows k apart
  const T* b = nullptr;        // [n, k], rows k apart
  const T* initial = nullptr;  // [m, n], or null: zeros; may be c
  std::int64_t initial_stride = 0;
  T* c = nullptr;  // [m, n]
  std::int64_t c_stride = 0;
};

namespace detail {

template <typename T, int lanes>
T sum_of_lanes(const Vector<T, lanes>& vector) {
  if constexpr (lanes == 1) {
    return vector[0];
  } else {
    Vector<T, lanes / 2> first, second;
    std::memcpy(&first, &vector, sizeof(first));
    std::memcpy(&second, reinterpret_cast<const char*>(&vector) + sizeof(first), sizeof(second));
    return sum_of_lanes<T, lanes / 2>(first + second);
  }
}

// Rows `row` and on of A with `columns` rows of B from `column` on: their sums stay in registers.
template <typename T, int lanes, int rows, int columns>
void multiply_dots(const FewRowsMatmul<T>& x, std::int64_t row, std::int64_t column) {
  const T* a = x.a + row * x.k;
  const T* b = x.b + column * x.k;
  Vector<T, lanes> sums[rows][columns] = {};
  std::int64_t p = 0;
  for (; p + lanes <= x.k; p += lanes) {
    Vector<T, lanes> of_a[rows];
    for (int i = 0; i < rows; ++i) of_a[i] = load<T, lanes>(a + i * x.k + p);
    for (int j = 0; j < columns; ++j) {
      const Vector<T, lanes> of_b = load<T, lanes>(b + j * x.k + p);
      for (int i = 0; i < rows; ++i) sums[i][j] += of_a[i] * of_b;
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      T sum = sum_of_lanes<T, lanes>(sums[i][j]);
      for (std::int64_t rest = p; rest < x.k; ++rest) sum += a[i * x.k + rest] * b[j * x.k + rest];
      const T* initial =
          x.initial == nullptr ? nullptr : x.initial + (row + i) * x.initial_stride + column + j;
      x.c[(row + i) * x.c_stride + column + j] = initial == nullptr ? sum : *initial + sum;
    }
  }
}

template <typename T, int lanes, int columns>
void multiply_dots_of_rows(const FewRowsMatmul<T>& x, std::int64_t column) {
  std::int64_t row = 0;
  for (; row + 4 <= x.m; row += 4) multiply_dots<T, lanes, 4, columns>(x, row, column);
  if (x.m - row >= 2) {
    multiply_dots<T, lanes, 2, columns>(x, row, column);
    row += 2;
  }
  if (row < x.m) multiply_dots<T, lanes, 1, columns>(x, row, column);
}

}  // namespace detail

template <typename T, int lanes>
void few_rows_matmul(const FewRowsMatmul<T>& x) {
  constexpr int kColumns = 4;
  std::int64_t column = 0;
  for (; column + kColumns <= x.n; column += kColumns) {
    detail::multiply_dots_of_rows<T, lanes, kColumns>(x, column);
  }
  for (; column < x.n; ++column) detail::multiply_dots_of_rows<T, lanes, 1>(x, column);
}

}  // namespace obverse::kernels
