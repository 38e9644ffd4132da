#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/core/division.h"
#include "kernels/core/partition.h"
#include "kernels/reduction/reduction.h"
#include "kernels/reduction/reduction_check.h"

namespace obverse::kernels::cpu {
namespace {

// Sums are cut into at most this many chunks whose size depends on the element count alone. The
// partial sums then fit on the stack, and adding them in order gives the same bits whatever the
// thread count.
constexpr std::int64_t kMostChunks = 256;
constexpr std::int64_t kLeastChunk = 4096;
constexpr std::int64_t kColumnTile = 256;
constexpr std::int64_t kRowBlock = 8;

// chunk_sum(begin, end) returns the sum over those elements as a double.
template <typename ChunkSum>
double chunked_sum(std::int64_t count, const ChunkSum& chunk_sum) {
  const std::int64_t chunk = std::max(kLeastChunk, quotient_up(count, kMostChunks));
  const std::int64_t chunks = quotient_up(count, chunk);
  double sums[kMostChunks];
  parallel_for(chunks, kElementsPerThread / chunk + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      sums[i] = chunk_sum(i * chunk, std::min(count, (i + 1) * chunk));
    }
  });
  double total = 0;
  for (std::int64_t i = 0; i < chunks; ++i) total += sums[i];
  return total;
}

template <typename T>
double sum_of_squares(Span<const T> values) {
  const T* data = values.data();
  const std::int64_t quarter = values.size() / 4;
  double sum_0 = 0, sum_1 = 0, sum_2 = 0, sum_3 = 0;
  // Four quarters at once: one running sum would wait for each addition's latency.
#pragma omp simd reduction(+ : sum_0, sum_1, sum_2, sum_3)
  for (std::int64_t i = 0; i < quarter; ++i) {
    const double a = data[i], b = data[quarter + i];
    const double c = data[2 * quarter + i], d = data[3 * quarter + i];
    sum_0 += a * a;
    sum_1 += b * b;
    sum_2 += c * c;
    sum_3 += d * d;
  }
  for (std::int64_t i = 4 * quarter; i < values.size(); ++i) {
    sum_0 += static_cast<double>(data[i]) * static_cast<double>(data[i]);
  }
  return (sum_0 + sum_1) + (sum_2 + sum_3);
}

// Adds the column sums of eight rows: in T, which eight elements can afford, then to the running
// sums in double.
template <typename T>
void add_row_block(const T* rows, std::int64_t width, std::int64_t count, double* sums) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T low = (rows[i] + rows[width + i]) + (rows[2 * width + i] + rows[3 * width + i]);
    const T high =
        (rows[4 * width + i] + rows[5 * width + i]) + (rows[6 * width + i] + rows[7 * width + i]);
    sums[i] += static_cast<double>(low + high);
  }
}

}  // namespace

template <typename T>
void gradient_norm(const GradientNorm<T>& arguments) {
  check_gradient_norm(arguments);
  std::int64_t count = 0;
  for (const Span<const T>& gradient : arguments.gradients) count += gradient.size();
  const double squares = chunked_sum(count, [&](std::int64_t begin, std::int64_t end) {
    double sum = 0;
    std::int64_t offset = 0;
    for (const Span<const T>& gradient : arguments.gradients) {
      const std::int64_t from = std::clamp<std::int64_t>(begin - offset, 0, gradient.size());
      const std::int64_t to = std::clamp<std::int64_t>(end - offset, 0, gradient.size());
      if (from < to) sum += sum_of_squares(gradient.subspan(from, to - from));
      offset += gradient.size();
    }
    return sum;
  });
  const T norm = static_cast<T>(std::sqrt(squares));
  arguments.norm[0] = norm;
  const bool finite_loss = arguments.loss.empty() || std::isfinite(arguments.loss[0]);
  if (!std::isfinite(norm) || !finite_loss) {
    arguments.clip_scale[0] = std::numeric_limits<T>::quiet_NaN();
  } else if (arguments.maximum_norm > 0 && std::sqrt(squares) > arguments.maximum_norm) {
    arguments.clip_scale[0] = static_cast<T>(arguments.maximum_norm / std::sqrt(squares));
  } else {
    arguments.clip_scale[0] = 1;
  }
}

template <typename T>
void column_sum(const ColumnSum<T>& arguments) {
  const std::int64_t rows = arguments.rows, width = arguments.width;
  check_column_sum(arguments);
  parallel_columns(rows, width, [&](std::int64_t begin, std::int64_t end) {
    double sums[kColumnTile];
    for (std::int64_t tile = begin; tile < end; tile += kColumnTile) {
      const std::int64_t count = std::min(kColumnTile, end - tile);
      std::fill_n(sums, count, 0.0);
      const T* input = arguments.input.data() + tile;
      std::int64_t row = 0;
      for (; row + kRowBlock <= rows; row += kRowBlock) {
        add_row_block(input + row * width, width, count, sums);
      }
      for (; row < rows; ++row) {
#pragma omp simd
        for (std::int64_t i = 0; i < count; ++i)
          sums[i] += static_cast<double>(input[row * width + i]);
      }
      T* out = arguments.out.subspan(tile, count).data();
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) out[i] += static_cast<T>(sums[i]);
    }
  });
}

template <typename T>
void weighted_sum(const WeightedSum<T>& arguments) {
  const std::int64_t count = arguments.input.size();
  check_weighted_sum(arguments);
  const double sum = chunked_sum(count, [&](std::int64_t begin, std::int64_t end) {
    const T* input = arguments.input.data();
    const T* weights = arguments.weights.data();
    double part = 0;
    if (arguments.weights.empty()) {
#pragma omp simd reduction(+ : part)
      for (std::int64_t i = begin; i < end; ++i) part += static_cast<double>(input[i]);
    } else {
#pragma omp simd reduction(+ : part)
      for (std::int64_t i = begin; i < end; ++i) {
        part += static_cast<double>(weights[i]) * static_cast<double>(input[i]);
      }
    }
    return part;
  });
  double scale = arguments.scale;
  if (!arguments.factor.empty()) scale *= static_cast<double>(arguments.factor[0]);
  arguments.out[0] = static_cast<T>(scale * sum);
}

template void gradient_norm(const GradientNorm<float>&);
template void gradient_norm(const GradientNorm<double>&);
template void column_sum(const ColumnSum<float>&);
template void column_sum(const ColumnSum<double>&);
template void weighted_sum(const WeightedSum<float>&);
template void weighted_sum(const WeightedSum<double>&);

}  // namespace obverse::kernels::cpu
