// Reductions to a scalar or to one row. Deterministic whatever the thread count: fixed chunks are
// summed in double, then their sums are added in order.
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

// norm = sqrt(sum of squares over all tensors); clip_scale = min(1, maximum_norm / norm), the
// factor of Pascanu et al. 2013 (arXiv:1211.5063). Where the norm or the loss is NaN or infinite,
// clip_scale is NaN, upon which AdamW changes nothing.
template <typename T>
struct GradientNorm {
  Span<const Span<const T>> gradients;
  double maximum_norm = 0.0;        // 0: no clipping, clip_scale is 1
  Span<const Accumulator<T>> loss;  // [1] or empty
  Span<Accumulator<T>> norm;        // [1]
  Span<Accumulator<T>> clip_scale;  // [1]
};

// out[c] += sum over rows of input[r, c]: the gradient of a bias.
template <typename T>
struct ColumnSum {
  std::int64_t rows = 0, width = 0;
  Span<const T> input;       // [rows, width]
  Span<Accumulator<T>> out;  // [width], added to
};

// out[0] = scale * factor * sum_i weights[i] * input[i].
template <typename T>
struct WeightedSum {
  double scale = 1.0;
  Span<const T> factor;   // [1] or empty: 1; read from memory, for CUDA graphs
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

// Asynchronous; partial sums in scratch memory of the stream, added up in order, so that every run
// gives the same bits. The norm's sums are kept in double where float's range would not do.
namespace cuda {
class Stream;
template <typename T>
void gradient_norm(const GradientNorm<T>& arguments, Stream& stream);  // float, bf16
template <typename T>
void column_sum(const ColumnSum<T>& arguments, Stream& stream);  // float, bf16
template <typename T>
void weighted_sum(const WeightedSum<T>& arguments, Stream& stream);  // float
}  // namespace cuda

}  // namespace obverse::kernels
