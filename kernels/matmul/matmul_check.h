// What every implementation of matmul asks of its arguments, and where the matrices of a batch lie.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/core/check.h"
#include "kernels/matmul/matmul.h"

namespace obverse::kernels {

// Elements from one matrix of a batch to the next, for a matrix of `elements`.
inline std::int64_t batch_stride(std::int64_t stride, std::int64_t elements) {
  return stride == kDenseBatch ? elements : stride;
}

// Throws where the contract of Matmul is broken.
template <typename T, typename Out>
void check_matmul(const Matmul<T, Out>& x) {
  require(x.m >= 0 && x.n >= 0 && x.k >= 0, "[matmul] expected sizes of at least 0, got m = ", x.m,
          ", n = ", x.n, ", k = ", x.k);
  constexpr std::int64_t kMost = 2147483647;  // indices of rows and columns have 32 bits
  require(x.m <= kMost && x.n <= kMost && x.k <= kMost,
          "[matmul] expected sizes below 2^31, got m = ", x.m, ", n = ", x.n, ", k = ", x.k);
  require(x.batch >= 0, "[matmul] expected a batch of at least 0, got ", x.batch);
  require(x.a_stride >= kDenseBatch && x.b_stride >= kDenseBatch,
          "[matmul] expected strides of at least 0 or kDenseBatch, got a_stride = ", x.a_stride,
          ", b_stride = ", x.b_stride);
  require(x.batch <= 1 || x.out_stride == kDenseBatch || x.out_stride >= x.m * x.n,
          "[matmul] expected out_stride of at least ", x.m * x.n, " or kDenseBatch, got ",
          x.out_stride);
  const auto expect = [&](const char* what, std::int64_t found, std::int64_t expected) {
    if (found == expected) return;
    fail("[matmul] expected ", what, " of ", expected, " elements (m = ", x.m, ", n = ", x.n,
         ", k = ", x.k, x.batch == 1 ? "" : ", batch = " + std::to_string(x.batch), "), got ",
         found);
  };
  const auto extent = [&](std::int64_t stride, std::int64_t elements) {
    return x.batch == 0 ? 0 : (x.batch - 1) * batch_stride(stride, elements) + elements;
  };
  const std::int64_t out_elements = extent(x.out_stride, x.m * x.n);
  expect("a", x.a.size(), extent(x.a_stride, x.m * x.k));
  expect("b", x.b.size(), extent(x.b_stride, x.k * x.n));
  expect("out", x.out.size(), out_elements);
  if (!x.bias.empty()) expect("bias", x.bias.size(), x.n);
  if (!x.residual.empty()) expect("residual", x.residual.size(), out_elements);
  if (!x.pre_activation.empty()) expect("pre_activation", x.pre_activation.size(), out_elements);
  require(!x.accumulate ||
              (x.bias.empty() && x.residual.empty() && x.activation == ActivationKind::none),
          "[matmul] expected no bias, residual or activation where the product accumulates");
  // The CPU writes the product to `out` before it reads the residual.
  require(x.activation == ActivationKind::none || x.residual.empty() || !x.pre_activation.empty() ||
              x.residual.data() != x.out.data(),
          "[matmul] expected pre_activation where an activated product adds a residual in place");
}

// Indices reach one tile past the sizes and must stay below 2^31.
inline constexpr std::int64_t kMostOnCuda = (std::int64_t{1} << 31) - 257;

template <typename T, typename Out>
void check_matmul_on_cuda(const Matmul<T, Out>& x) {
  check_matmul(x);
  constexpr std::int64_t kMostBatch = 65535;  // matrices are a grid's z
  require(x.m <= kMostOnCuda && x.n <= kMostOnCuda && x.k <= kMostOnCuda,
          "[matmul] expected sizes of at most ", kMostOnCuda, " on CUDA, got m = ", x.m,
          ", n = ", x.n, ", k = ", x.k);
  require(x.batch <= kMostBatch, "[matmul] expected a batch of at most ", kMostBatch,
          " on CUDA, got ", x.batch);
}

}  // namespace obverse::kernels
