// out = epilogue(a * b): matrix product of row-major operands, either of them read transposed, with
// an epilogue of bias, activation and residual, or accumulation into `out`. CPU: panels of our own
// where the target has AVX-512 (float), otherwise OpenBLAS; threads take blocks of the output.
// Deterministic for a given thread count.
#pragma once

#include <cstdint>

#include "kernels/core/activation_kind.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

// out = activation(a * b + bias) + residual, or out += a * b.
template <typename T>
struct Matmul {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  Span<const T> a;         // [m, k], or [k, m] where transpose_a
  Span<const T> b;         // [k, n], or [n, k] where transpose_b
  Span<const T> bias;      // [n] or empty
  Span<const T> residual;  // [m, n] or empty; may be `out` itself
  ActivationKind activation = ActivationKind::none;
  Span<T> pre_activation;   // [m, n] or empty; saved for backward where there is an activation
  bool accumulate = false;  // out += a * b; REQUIRES: no bias, residual or activation
  Span<T> out;              // [m, n]; never aliases a or b
};

namespace cpu {
template <typename T>
void matmul(const Matmul<T>& arguments);
}  // namespace cpu

}  // namespace obverse::kernels
