// Reductions to a scalar or to one row. Deterministic whatever the thread count: fixed chunks are
// summed in double, then their sums are added in order.
#pragma once

#include <cstdint>

#include "kernels/core/span.h"

namespace obverse::kernels {

// norm = sqrt(sum of squares over all tensors); clip_scale = min(1, maximum_norm / norm), the
// factor of Pascanu et al. 2013 (arXiv:1211.5063). Where the norm is NaN or infinite, clip_scale is
// NaN: the caller looks at the norm before it steps.
template <typename T>
struct GradientNorm {
  Span<const Span<const T>> gradients;
  double maximum_norm = 0.0;  // 0: no clipping, clip_scale is 1
  Span<T> norm;               // [1]
  Span<T> clip_scale;         // [1]
};

// out[c] += sum over rows of input[r, c]: the gradient of a bias.
template <typename T>
struct ColumnSum {
  std::int64_t rows = 0, width = 0;
  Span<const T> input;  // [rows, width]
  Span<T> out;          // [width], added to
};

// out[0] = scale * sum_i weights[i] * input[i].
template <typename T>
struct WeightedSum {
  double scale = 1.0;
  Span<const T> input;    // [count]
  Span<const T> weights;  // [count] or empty: all 1
  Span<T> out;            // [1]
};

namespace cpu {
template <typename T>
void gradient_norm(const GradientNorm<T>& arguments);
template <typename T>
void column_sum(const ColumnSum<T>& arguments);
template <typename T>
void weighted_sum(const WeightedSum<T>& arguments);
}  // namespace cpu

}  // namespace obverse::kernels
