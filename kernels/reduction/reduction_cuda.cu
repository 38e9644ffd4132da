// Sums are cut into parts whose size depends on the arrays alone; a part's sum goes to its own
// place in scratch memory, and a second kernel adds them up in order. To a scalar, sums are in
// double: squares then neither overflow nor vanish, and at two bytes or more an element the
// conversions stay behind the reading of memory.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/core/check.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/division.h"
#include "kernels/core/floats.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/reduction/reduction.h"
#include "kernels/reduction/reduction_check.h"
#include "kernels/reduction/reduction_columns.cuh"

namespace obverse::kernels::cuda {

using namespace reduction;  // this file's own kernels

namespace {

constexpr int kPartElements = 16384;  // of what is summed to a scalar, a block's

struct Sums {
  SharedArray<double, kWarps> of_warps;
};

// Of all threads' values, in thread 0.
__device__ __forceinline__ double block_sum(double value) {
  const auto of_warps = shared_memory<Sums>().of_warps.span();
  value = warp_sum(value);
  if (lane_index() == 0) of_warps.store(warp_index(), value);
  block_barrier();
  double sum = 0.0;
  if (thread_index().x == 0) {
    for (int warp = 0; warp < kWarps; ++warp) sum += of_warps.load(warp);
  }
  return sum;
}

__device__ __forceinline__ double squared(float value) {
  return static_cast<double>(value) * static_cast<double>(value);
}

// The calling thread's part of a sum of squares.
template <typename T>
__device__ __forceinline__ double sum_of_squares(Span<const T> values) {
  constexpr int kCount = Vector16<T>::kCount, kVectors = 4;  // 64 bytes under way
  double sums[4] = {};  // more than one, since each addition waits for the one before
  std::int64_t done = 0;
  if (is_aligned_16(values, 0)) {
    constexpr int kBatch = kThreads * kCount * kVectors;
    OBVERSE_NO_UNROLL
    for (; done + kBatch <= values.size(); done += kBatch) {
      Vector16<T> loaded[kVectors];
      OBVERSE_UNROLL
      for (int i = 0; i < kVectors; ++i) {
        loaded[i] = load_16<CacheHint::streaming>(
            values, done + (i * kThreads + thread_index().x) * kCount);
      }
      OBVERSE_UNROLL
      for (int i = 0; i < kVectors * kCount; ++i) {
        sums[i % 4] += squared(static_cast<float>(loaded[i / kCount][i % kCount]));
      }
    }
  }
  OBVERSE_UNROLL_BY(4)
  for (std::int64_t i = done + thread_index().x; i < values.size(); i += kThreads) {
    sums[0] += squared(static_cast<float>(values[i]));
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// As many tensors as a kernel's parameters (4 KiB) hold: the spans themselves are in host memory.
template <typename T>
struct Tensors {
  static constexpr int kMost = 196;
  Span<const T> gradients[kMost];   // none is empty
  std::int32_t first_block[kMost];  // a tensor's blocks follow one another from here
  int count = 0;
  Span<double> parts;  // one a block
};
static_assert(sizeof(Tensors<float>) <= 4096);

template <typename T>
__global__ void __launch_bounds__(kThreads) squares_kernel(const Tensors<T> x) {
  const int block = block_index().x;
  int tensor = 0;  // the last whose first block is not past `block`
  for (int end = x.count; end - tensor > 1;) {
    const int middle = (tensor + end) / 2;
    if (x.first_block[middle] <= block) {
      tensor = middle;
    } else {
      end = middle;
    }
  }
  const Span<const T> gradient = x.gradients[tensor];
  const std::int64_t begin = std::int64_t{block - x.first_block[tensor]} * kPartElements;
  const std::int64_t left = gradient.size() - begin;
  const double sum = block_sum(
      sum_of_squares(gradient.subspan(begin, left < kPartElements ? left : kPartElements)));
  if (thread_index().x == 0) x.parts[block] = sum;
}

// In thread 0 of the one block.
__device__ __forceinline__ double sum_of_parts(Span<const double> parts) {
  double sum = 0.0;
  OBVERSE_UNROLL_BY(4)
  for (std::int64_t i = thread_index().x; i < parts.size(); i += kThreads) sum += parts[i];
  return block_sum(sum);
}

__global__ void __launch_bounds__(kThreads)
    norm_kernel(Span<const double> parts, double maximum_norm, Span<const float> loss,
                Span<float> norm, Span<float> clip_scale) {
  const double root = std::sqrt(sum_of_parts(parts));
  if (thread_index().x != 0) return;
  const auto rounded = static_cast<float>(root);
  norm[0] = rounded;
  if (!std::isfinite(rounded) || (!loss.empty() && !std::isfinite(loss[0]))) {
    clip_scale[0] = std::numeric_limits<float>::quiet_NaN();
  } else {
    const bool clips = maximum_norm > 0.0 && root > maximum_norm;
    clip_scale[0] = clips ? static_cast<float>(maximum_norm / root) : 1.0f;
  }
}

struct Weighted {
  double scale;
  Span<const float> factor, input, weights;
  Span<float> out;
};

__device__ __forceinline__ void write_weighted_sum(const Weighted& x, double sum) {
  double scale = x.scale;
  if (!x.factor.empty()) scale *= static_cast<double>(x.factor[0]);
  x.out[0] = static_cast<float>(scale * sum);
}

// Writes the result itself where it is the only block.
__global__ void __launch_bounds__(kThreads) weighted_kernel(Weighted x, Span<double> parts) {
  const std::int64_t begin = std::int64_t{block_index().x} * kPartElements;
  const std::int64_t end =
      begin + kPartElements < x.input.size() ? begin + kPartElements : x.input.size();
  double sum = 0.0;
  OBVERSE_UNROLL_BY(8)
  for (std::int64_t i = begin + thread_index().x; i < end; i += kThreads) {
    const auto value = static_cast<double>(x.input[i]);
    sum += x.weights.empty() ? value : static_cast<double>(x.weights[i]) * value;
  }
  sum = block_sum(sum);
  if (thread_index().x != 0) return;
  if (parts.empty()) {
    write_weighted_sum(x, sum);
  } else {
    parts[block_index().x] = sum;
  }
}

__global__ void __launch_bounds__(kThreads)
    weighted_finish_kernel(Weighted x, Span<const double> parts) {
  const double sum = sum_of_parts(parts);
  if (thread_index().x == 0) write_weighted_sum(x, sum);
}

LaunchShape shape_of(const char* kernel, std::int64_t blocks) {
  require(blocks <= std::numeric_limits<std::int32_t>::max(), "[reduction] expected at most ",
          std::int64_t{std::numeric_limits<std::int32_t>::max()} * kPartElements,
          " elements in all, got more");
  return {.kernel = kernel,
          .grid = {static_cast<unsigned>(blocks)},
          .block = {kThreads},
          .shared_bytes = sizeof(Sums)};
}

}  // namespace

template <typename T>
void gradient_norm(const GradientNorm<T>& x, Stream& stream) {
  check_gradient_norm(x);
  std::int64_t blocks = 0;
  for (const Span<const T>& gradient : x.gradients) {
    blocks += quotient_up(gradient.size(), kPartElements);
  }
  const DeviceArray<double> parts(stream, blocks);
  std::int64_t done = 0, next = 0;
  while (done < blocks) {
    Tensors<T> tensors{};
    std::int64_t count = 0;
    for (; next < x.gradients.size() && tensors.count < Tensors<T>::kMost; ++next) {
      if (x.gradients[next].empty()) continue;
      tensors.gradients[tensors.count] = x.gradients[next];
      tensors.first_block[tensors.count++] = static_cast<std::int32_t>(count);
      count += quotient_up(x.gradients[next].size(), kPartElements);
    }
    tensors.parts = parts.span().subspan(done, count);
    launch(stream, shape_of("gradient_norm", count), &squares_kernel<T>, tensors);
    done += count;
  }
  launch(stream, shape_of("gradient_norm finish", 1), &norm_kernel, parts.span(), x.maximum_norm,
         x.loss, x.norm, x.clip_scale);
}

template <typename T>
void column_sum(const ColumnSum<T>& x, Stream& stream) {
  check_column_sum(x);
  if (x.rows == 0) return;
  if (is_aligned_16(x.input, 0) && x.width % Vector16<T>::kCount == 0) {
    sum_columns<T, Vector16<T>::kCount>(x, stream);
  } else {
    sum_columns<T, 1>(x, stream);
  }
}

template <typename T>
void weighted_sum(const WeightedSum<T>& x, Stream& stream) {
  check_weighted_sum(x);
  const Weighted weighted{x.scale, x.factor, x.input, x.weights, x.out};
  // Without elements there is a block still: the result is 0.
  const std::int64_t blocks = std::max<std::int64_t>(1, quotient_up(x.input.size(), kPartElements));
  const DeviceArray<double> parts(stream, blocks > 1 ? blocks : 0);
  launch(stream, shape_of("weighted_sum", blocks), &weighted_kernel, weighted, parts.span());
  if (blocks == 1) return;
  launch(stream, shape_of("weighted_sum finish", 1), &weighted_finish_kernel, weighted,
         parts.span());
}

template void gradient_norm(const GradientNorm<float>&, Stream&);
template void gradient_norm(const GradientNorm<bf16>&, Stream&);
template void column_sum(const ColumnSum<float>&, Stream&);
template void column_sum(const ColumnSum<bf16>&, Stream&);
template void weighted_sum(const WeightedSum<float>&, Stream&);

}  // namespace obverse::kernels::cuda
