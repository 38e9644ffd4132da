#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/core/partition.h"
#include "kernels/core/row_blocks.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/layer_norm/layer_norm_check.h"

namespace obverse::kernels::cpu {
namespace {

// Parameter gradients of a block of rows are summed on the stack, so many columns at a time.
constexpr std::int64_t kColumnTile = 256;

// For a width that the compiler knows (kWidth > 0) or not (0). Whether a residual is added it knows
// as well: asked row by row, short ones would take a tenth longer.
template <std::int64_t kWidth, bool adds, typename T>
[[gnu::noinline]] void normalize_row(const LayerNormForward<T>& arguments, std::int64_t row) {
  const std::int64_t width = kWidth > 0 ? kWidth : arguments.width;
  const T* input = arguments.input.subspan(row * width, width).data();
  if constexpr (adds) {
    const T* residual = arguments.residual.subspan(row * width, width).data();
    T* sum = arguments.sum.subspan(row * width, width).data();
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) sum[i] = input[i] + residual[i];
    input = sum;
  }
  const T* gain = arguments.gain.data();
  T* out = arguments.out.subspan(row * width, width).data();
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < width; ++i) sum += input[i];
  const T mean = sum / static_cast<T>(width);
  // A second pass over a cached row costs little and does not cancel, as E[x^2] - E[x]^2 would.
  T squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t i = 0; i < width; ++i) squares += (input[i] - mean) * (input[i] - mean);
  const T variance = squares / static_cast<T>(width);
  const T inverse = T(1) / std::sqrt(variance + static_cast<T>(arguments.epsilon));
  if (arguments.bias.empty()) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) out[i] = (input[i] - mean) * inverse * gain[i];
  } else {
    const T* bias = arguments.bias.data();
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) {
      out[i] = (input[i] - mean) * inverse * gain[i] + bias[i];
    }
  }
  arguments.mean[row] = mean;
  arguments.inverse_deviation[row] = inverse;
}

template <typename T>
struct FourRows {
  const T *inputs[4], *gradients[4];
  T mean[4], inverse[4];
  T present[4];  // 1, or 0 for a row past the end
};

// Adds four rows' shares of the gain and bias gradients: the running sums are then loaded and
// stored a quarter as often as row by row. Out of line: inlined, GCC 12 leaves such loops scalar at
// times.
template <typename T>
[[gnu::noinline]] void add_four_rows(const FourRows<T>& rows, std::int64_t count, T* gain_sum,
                                     T* bias_sum) {
  const T *x0 = rows.inputs[0], *x1 = rows.inputs[1], *x2 = rows.inputs[2], *x3 = rows.inputs[3];
  const T *g0 = rows.gradients[0], *g1 = rows.gradients[1];
  const T *g2 = rows.gradients[2], *g3 = rows.gradients[3];
  const T m0 = rows.mean[0], m1 = rows.mean[1], m2 = rows.mean[2], m3 = rows.mean[3];
  const T r0 = rows.inverse[0], r1 = rows.inverse[1], r2 = rows.inverse[2], r3 = rows.inverse[3];
  const T p0 = rows.present[0], p1 = rows.present[1], p2 = rows.present[2], p3 = rows.present[3];
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T d0 = g0[i] * p0, d1 = g1[i] * p1, d2 = g2[i] * p2, d3 = g3[i] * p3;
    gain_sum[i] += (d0 * ((x0[i] - m0) * r0) + d1 * ((x1[i] - m1) * r1)) +
                   (d2 * ((x2[i] - m2) * r2) + d3 * ((x3[i] - m3) * r3));
    bias_sum[i] += (d0 + d1) + (d2 + d3);
  }
}

// Adds the rows' share of the gain and bias gradients.
template <typename T>
void add_parameter_gradients(const LayerNormBackward<T>& arguments, std::int64_t row_begin,
                             std::int64_t row_end, T* gain_total, T* bias_total) {
  T gain_sum[kColumnTile], bias_sum[kColumnTile];
  for (std::int64_t tile = 0; tile < arguments.width; tile += kColumnTile) {
    const std::int64_t count = std::min(kColumnTile, arguments.width - tile);
    std::fill_n(gain_sum, count, T(0));
    std::fill_n(bias_sum, count, T(0));
    for (std::int64_t block = row_begin; block < row_end; block += 4) {
      FourRows<T> rows;
      for (std::int64_t i = 0; i < 4; ++i) {
        // Past the end stands the last row again, times zero.
        const std::int64_t row = std::min(block + i, row_end - 1);
        const std::int64_t first = row * arguments.width + tile;
        rows.inputs[i] = arguments.input.subspan(first, count).data();
        rows.gradients[i] = arguments.output_gradient.subspan(first, count).data();
        rows.mean[i] = arguments.mean[row];
        rows.inverse[i] = arguments.inverse_deviation[row];
        rows.present[i] = block + i < row_end ? T(1) : T(0);
      }
      add_four_rows(rows, count, gain_sum, bias_sum);
    }
    T* gain = gain_total + tile;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) gain[i] += gain_sum[i];
    if (bias_total == nullptr) continue;
    T* bias = bias_total + tile;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) bias[i] += bias_sum[i];
  }
}

// With y = (x - mean) * inverse and g = output_gradient * gain:
// input_gradient = inverse * (g - mean(g) - y * mean(g * y)).
template <std::int64_t kWidth, typename T>
[[gnu::noinline]] void write_input_gradient(const LayerNormBackward<T>& arguments,
                                            std::int64_t row) {
  const std::int64_t width = kWidth > 0 ? kWidth : arguments.width;
  const T* input = arguments.input.subspan(row * width, width).data();
  const T* gain = arguments.gain.data();
  const T* gradient = arguments.output_gradient.subspan(row * width, width).data();
  T* input_gradient = arguments.input_gradient.subspan(row * width, width).data();
  const T mean = arguments.mean[row], inverse = arguments.inverse_deviation[row];
  T sum = 0, product_sum = 0;
#pragma omp simd reduction(+ : sum, product_sum)
  for (std::int64_t i = 0; i < width; ++i) {
    const T scaled = gradient[i] * gain[i];
    sum += scaled;
    product_sum += scaled * (input[i] - mean);
  }
  const T offset = sum / static_cast<T>(width);
  const T slope = product_sum * inverse * inverse / static_cast<T>(width);
  if (arguments.residual_gradient.empty()) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) {
      input_gradient[i] = inverse * (gradient[i] * gain[i] - offset - (input[i] - mean) * slope);
    }
  } else {
    const T* residual = arguments.residual_gradient.subspan(row * width, width).data();
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) {
      input_gradient[i] =
          inverse * (gradient[i] * gain[i] - offset - (input[i] - mean) * slope) + residual[i];
    }
  }
}

// Calls function.template operator()<width>() with the widths of small models as constants: there
// the loops' own bookkeeping would cost as much as their arithmetic.
template <typename Function>
void with_constant_width(std::int64_t width, const Function& function) {
  switch (width) {
    case 64:
      return function.template operator()<64>();
    case 128:
      return function.template operator()<128>();
    default:
      return function.template operator()<0>();
  }
}

}  // namespace

template <typename T>
void layer_norm_forward(const LayerNormForward<T>& arguments) {
  check_layer_norm(arguments);
  const std::int64_t rows = arguments.rows, width = arguments.width;
  parallel_rows(rows, width, [&](std::int64_t begin, std::int64_t end) {
    with_constant_width(width, [&]<std::int64_t kWidth>() {
      if (arguments.residual.empty()) {
        for (std::int64_t row = begin; row < end; ++row) {
          normalize_row<kWidth, false>(arguments, row);
        }
      } else {
        for (std::int64_t row = begin; row < end; ++row) {
          normalize_row<kWidth, true>(arguments, row);
        }
      }
    });
  });
}

template <typename T>
void layer_norm_backward(const LayerNormBackward<T>& arguments) {
  check_layer_norm(arguments);
  const auto pointer = [](Span<T> part) { return part.empty() ? nullptr : part.data(); };
  const std::array<T*, 2> totals{pointer(arguments.gain_gradient),
                                 pointer(arguments.bias_gradient)};
  sum_row_blocks(arguments.rows, arguments.width, totals,
                 [&](std::int64_t begin, std::int64_t end, const std::array<T*, 2>& sums) {
                   // Before the input gradient: that one may overwrite output_gradient.
                   add_parameter_gradients(arguments, begin, end, sums[0], sums[1]);
                   with_constant_width(arguments.width, [&]<std::int64_t kWidth>() {
                     for (std::int64_t row = begin; row < end; ++row) {
                       write_input_gradient<kWidth>(arguments, row);
                     }
                   });
                 });
}

template void layer_norm_forward(const LayerNormForward<float>&);
template void layer_norm_forward(const LayerNormForward<double>&);
template void layer_norm_backward(const LayerNormBackward<float>&);
template void layer_norm_backward(const LayerNormBackward<double>&);

}  // namespace obverse::kernels::cpu
