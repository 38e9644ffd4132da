#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/core/partition.h"
#include "kernels/core/row_blocks.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rms_norm/rms_norm_check.h"

namespace obverse::kernels::cpu {
namespace {

// Gain gradients of a block of rows are summed on the stack, so many columns at a time.
constexpr std::int64_t kColumnTile = 256;

// Walks rows in order and knows where each begins, without a division a row.
class RowCursor {
 public:
  RowCursor(const RmsNormShape& shape, std::int64_t row)
      : shape_(shape),
        row_in_group_(row % shape.rows),
        offset_(row / shape.rows * shape.stride + row_in_group_ * shape.width) {}
  std::int64_t offset() const { return offset_; }
  void advance() {
    offset_ += shape_.width;
    if (++row_in_group_ == shape_.rows) {
      row_in_group_ = 0;
      offset_ += shape_.stride - shape_.rows * shape_.width;
    }
  }

 private:
  const RmsNormShape& shape_;
  std::int64_t row_in_group_, offset_;
};

// For a row length that the compiler knows (kWidth > 0, the usual head sizes) or not (0). Whether a
// residual is added it knows as well: asked row by row, short ones would take a tenth longer.
template <std::int64_t kWidth, bool adds, typename T>
void normalize_rows(const RmsNormForward<T>& arguments, std::int64_t begin, std::int64_t end) {
  const std::int64_t width = kWidth > 0 ? kWidth : arguments.shape.width;
  const T* gain = arguments.gain.data();
  RowCursor cursor(arguments.shape, begin);
  for (std::int64_t row = begin; row < end; ++row, cursor.advance()) {
    const T* input = arguments.input.subspan(cursor.offset(), width).data();
    T* out = arguments.out.subspan(cursor.offset(), width).data();
    if constexpr (adds) {
      const T* residual = arguments.residual.subspan(cursor.offset(), width).data();
      T* sum = arguments.sum.subspan(cursor.offset(), width).data();
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) sum[i] = input[i] + residual[i];
      input = sum;
    }
    T squares = 0;
#pragma omp simd reduction(+ : squares)
    for (std::int64_t i = 0; i < width; ++i) squares += input[i] * input[i];
    const T mean_square = squares / static_cast<T>(width);
    const T inverse = T(1) / std::sqrt(mean_square + static_cast<T>(arguments.epsilon));
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) out[i] = input[i] * inverse * gain[i];
    arguments.inverse_rms[row] = inverse;
  }
}

// sums += output_gradient * normalized input over four rows: the running sums are then loaded and
// stored a quarter as often as row by row. Kept out of line, where the compiler vectorises it
// whatever stands around the call.
template <typename T>
[[gnu::noinline]] void add_four_rows(const T* const* inputs, const T* const* gradients,
                                     const T* inverse, std::int64_t count, T* sums) {
  const T *x0 = inputs[0], *x1 = inputs[1], *x2 = inputs[2], *x3 = inputs[3];
  const T *g0 = gradients[0], *g1 = gradients[1], *g2 = gradients[2], *g3 = gradients[3];
  const T r0 = inverse[0], r1 = inverse[1], r2 = inverse[2], r3 = inverse[3];
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    sums[i] += (g0[i] * (x0[i] * r0) + g1[i] * (x1[i] * r1)) +
               (g2[i] * (x2[i] * r2) + g3[i] * (x3[i] * r3));
  }
}

// Adds the rows' share of the gain gradient.
template <typename T>
void add_gain_gradient(const RmsNormBackward<T>& arguments, std::int64_t row_begin,
                       std::int64_t row_end, T* total) {
  T gain_sum[kColumnTile];
  for (std::int64_t tile = 0; tile < arguments.shape.width; tile += kColumnTile) {
    const std::int64_t count = std::min(kColumnTile, arguments.shape.width - tile);
    std::fill_n(gain_sum, count, T(0));
    RowCursor cursor(arguments.shape, row_begin);
    for (std::int64_t row = row_begin; row < row_end; row += 4) {
      const T *inputs[4], *gradients[4];
      T inverse[4];
      for (std::int64_t i = 0; i < 4; ++i) {
        // Past the end stands the last row again, times zero.
        inverse[i] = row + i < row_end ? arguments.inverse_rms[row + i] : T(0);
        inputs[i] = arguments.input.subspan(cursor.offset() + tile, count).data();
        gradients[i] = arguments.output_gradient.subspan(cursor.offset() + tile, count).data();
        if (row + i + 1 < row_end) cursor.advance();
      }
      add_four_rows(inputs, gradients, inverse, count, gain_sum);
    }
    T* gain = total + tile;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) gain[i] += gain_sum[i];
  }
}

// With r = inverse_rms and g = output_gradient * gain: input_gradient = r * (g - x * r^2 * mean(g *
// x)).
template <std::int64_t kWidth, typename T>
void write_input_gradients(const RmsNormBackward<T>& arguments, std::int64_t begin,
                           std::int64_t end) {
  const std::int64_t width = kWidth > 0 ? kWidth : arguments.shape.width;
  const T* gain = arguments.gain.data();
  RowCursor cursor(arguments.shape, begin);
  for (std::int64_t row = begin; row < end; ++row, cursor.advance()) {
    const T* input = arguments.input.subspan(cursor.offset(), width).data();
    const T* gradient = arguments.output_gradient.subspan(cursor.offset(), width).data();
    T* input_gradient = arguments.input_gradient.subspan(cursor.offset(), width).data();
    const T inverse = arguments.inverse_rms[row];
    T product_sum = 0;
#pragma omp simd reduction(+ : product_sum)
    for (std::int64_t i = 0; i < width; ++i) product_sum += gradient[i] * gain[i] * input[i];
    const T slope = product_sum * inverse * inverse / static_cast<T>(width);
    if (arguments.residual_gradient.empty()) {
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) {
        input_gradient[i] = inverse * (gradient[i] * gain[i] - input[i] * slope);
      }
    } else {
      const T* residual = arguments.residual_gradient.subspan(cursor.offset(), width).data();
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) {
        input_gradient[i] = inverse * (gradient[i] * gain[i] - input[i] * slope) + residual[i];
      }
    }
  }
}

// Calls function.template operator()<width>() with the usual head sizes as constants: at such
// widths the loop's own bookkeeping would cost more than its arithmetic.
template <typename Function>
void with_constant_width(std::int64_t width, const Function& function) {
  switch (width) {
    case 16:
      return function.template operator()<16>();
    case 32:
      return function.template operator()<32>();
    case 64:
      return function.template operator()<64>();
    default:
      return function.template operator()<0>();
  }
}

}  // namespace

template <typename T>
void rms_norm_forward(const RmsNormForward<T>& arguments) {
  check_rms_norm(arguments);
  const RmsNormShape& shape = arguments.shape;
  const std::int64_t rows = shape.groups * shape.rows;
  parallel_rows(rows, shape.width, [&](std::int64_t begin, std::int64_t end) {
    with_constant_width(shape.width, [&]<std::int64_t kWidth>() {
      if (arguments.residual.empty()) {
        normalize_rows<kWidth, false>(arguments, begin, end);
      } else {
        normalize_rows<kWidth, true>(arguments, begin, end);
      }
    });
  });
}

template <typename T>
void rms_norm_backward(const RmsNormBackward<T>& arguments) {
  check_rms_norm(arguments);
  const RmsNormShape& shape = arguments.shape;
  const std::int64_t rows = shape.groups * shape.rows;
  if (rows == 0) return;
  sum_row_blocks(rows, shape.width, std::array<T*, 1>{arguments.gain_gradient.data()},
                 [&](std::int64_t begin, std::int64_t end, const std::array<T*, 1>& sums) {
                   // Before the input gradient: that one may overwrite output_gradient.
                   add_gain_gradient(arguments, begin, end, sums[0]);
                   with_constant_width(shape.width, [&]<std::int64_t kWidth>() {
                     write_input_gradients<kWidth>(arguments, begin, end);
                   });
                 });
}

template void rms_norm_forward(const RmsNormForward<float>&);
template void rms_norm_forward(const RmsNormForward<double>&);
template void rms_norm_backward(const RmsNormBackward<float>&);
template void rms_norm_backward(const RmsNormBackward<double>&);

}  // namespace obverse::kernels::cpu
