// The gradients of a normalization's parameters, which are sums down columns: in parts, each of
// some rows, that are written to scratch memory and then added in order, so that the bits are the
// same on every run.
#pragma once

#include "kernels/core/norm_rows.cuh"

namespace obverse::kernels::cuda::norm {

// As in layer_norm.h and rms_norm.h.
template <typename T>
struct Backward {
  RowLayout layout;
  Span<const T> input, gain;
  Span<const float> mean;  // empty unless rows are centered
  Span<const float> inverse;
  Span<const T> output_gradient, residual_gradient;
  Span<T> input_gradient;
  Span<float> gain_gradient, bias_gradient;
  // [parts, width], what blocks of rows add to the parameters' gradients; those of the bias are
  // empty where nobody asks for them.
  Span<float> gain_parts{}, bias_parts{};
};

// The parameters' gradients are summed by blocks in which a warp is a row of threads, each of which
// owns a column; as many rows as there is work for.
constexpr int kMostColumnThreads = 512;
struct ColumnShared {
  SharedArray<float, kMostColumnThreads> gain, bias;
};
__device__ __forceinline__ int column_rows() { return block_size().x / kWarpSize; }

// The sum over the threads of the caller's column, in order. `sums` must not be in use.
__device__ __forceinline__ float column_sum(float value, SharedSpan<float> sums) {
  sums.store(thread_index().x, value);
  block_barrier();
  float sum = 0.0f;
  for (int i = lane_index(); i < block_size().x; i += kWarpSize) sum += sums.load(i);
  return sum;
}

// Parts of the parameters' gradients for any rows; before the input's gradient, which may overwrite
// what is read here.
template <typename T, Centering centering>
__global__ void __launch_bounds__(kMostColumnThreads) sum_columns(Backward<T> x) {
  auto& shared = shared_memory<ColumnShared>();
  const std::int64_t width = x.layout.width;
  const std::int64_t column = std::int64_t{block_index().x} * kWarpSize + lane_index();
  const std::uint32_t rows = column < width ? x.layout.rows : 0;
  float gain = 0.0f, bias = 0.0f;
  for (std::uint32_t row = block_index().y * column_rows() + warp_index(); row < rows;
       row += grid_size().y * column_rows()) {
    const std::int64_t at = x.layout.offset(row) + column;
    const float mean = centering == Centering::mean ? x.mean[row] : 0.0f;
    const auto gradient = static_cast<float>(x.output_gradient[at]);
    gain += gradient * ((static_cast<float>(x.input[at]) - mean) * x.inverse[row]);
    bias += gradient;
  }
  gain = column_sum(gain, shared.gain.span());
  bias = column_sum(bias, shared.bias.span());
  if (warp_index() != 0 || column >= width) return;
  x.gain_parts[block_index().y * width + column] = gain;
  if (!x.bias_parts.empty()) x.bias_parts[block_index().y * width + column] = bias;
}

// Adds the parts to the gradients, in an order that their number gives.
template <typename T, Centering centering>
__global__ void __launch_bounds__(kMostColumnThreads) add_parts(Backward<T> x) {
  auto& shared = shared_memory<ColumnShared>();
  const Span<float> parts = block_index().y == 0 ? x.gain_parts : x.bias_parts;
  const Span<float> gradient = block_index().y == 0 ? x.gain_gradient : x.bias_gradient;
  const std::int64_t width = x.layout.width;
  const std::int64_t column = std::int64_t{block_index().x} * kWarpSize + lane_index();
  float sum = 0.0f;
  if (column < width) {
    // Loads that do not wait for one another: the parts lie in the second-level cache.
    OBVERSE_UNROLL_BY(8)
    for (std::int64_t i = warp_index() * width + column; i < parts.size();
         i += column_rows() * width) {
      sum += parts[i];
    }
  }
  sum = column_sum(sum, shared.gain.span());
  if (warp_index() == 0 && column < width) gradient[column] += sum;
}

}  // namespace obverse::kernels::cuda::norm
