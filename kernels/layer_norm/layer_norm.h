// Layer normalization over the last dimension: Ba, Kiros and Hinton 2016, arXiv:1607.06450.
// out = (x - mean) / sqrt(variance + epsilon) * gain + bias, variance over `width` elements (not
// width - 1).
#pragma once

#include <cstdint>

#include "kernels/core/span.h"

namespace obverse::kernels {

template <typename T>
struct LayerNormForward {
  std::int64_t rows = 0, width = 0;
  double epsilon = 1e-5;
  Span<const T> input;        // [rows, width]; saved for backward
  Span<const T> gain;         // [width]
  Span<const T> bias;         // [width] or empty
  Span<T> out;                // [rows, width]; may be input itself where backward is not wanted
  Span<T> mean;               // [rows]; saved for backward
  Span<T> inverse_deviation;  // [rows]: 1 / sqrt(variance + epsilon); saved for backward
};

template <typename T>
struct LayerNormBackward {
  std::int64_t rows = 0, width = 0;
  Span<const T> input;              // [rows, width]
  Span<const T> gain;               // [width]
  Span<const T> mean;               // [rows]
  Span<const T> inverse_deviation;  // [rows]
  Span<const T> output_gradient;    // [rows, width]
  Span<T> input_gradient;           // [rows, width], overwritten; may be output_gradient itself
  Span<T> gain_gradient;            // [width], added to
  Span<T> bias_gradient;            // [width], added to, or empty
};

namespace cpu {
template <typename T>
void layer_norm_forward(const LayerNormForward<T>& arguments);
// Deterministic whatever the thread count: a column of the parameter gradients belongs to one
// thread, which adds fixed blocks of rows in order.
template <typename T>
void layer_norm_backward(const LayerNormBackward<T>& arguments);
}  // namespace cpu

}  // namespace obverse::kernels
