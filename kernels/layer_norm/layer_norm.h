// Layer normalization over the last dimension: Ba, Kiros and Hinton 2016, arXiv:1607.06450.
// out = (x - mean) / sqrt(variance + epsilon) * gain + bias, variance over `width` elements (not
// width - 1).
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

template <typename T>
struct LayerNormForward {
  std::int64_t rows = 0, width = 0;
  double epsilon = 1e-5;
  Span<const T> input;     // [rows, width]; saved for backward, unless there is a residual
  Span<const T> residual;  // [rows, width] or empty: x is input + residual, rounded to T
  Span<T> sum;             // [rows, width], where there is a residual: x; saved for backward; may
                           // be input or residual itself
  Span<const T> gain;      // [width]
  Span<const T> bias;      // [width] or empty
  Span<T> out;             // [rows, width]; may be input itself where backward is not wanted
  Span<Accumulator<T>> mean;               // [rows]; saved for backward
  Span<Accumulator<T>> inverse_deviation;  // [rows]: 1 / sqrt(variance + epsilon); likewise
};

template <typename T>
struct LayerNormBackward {
  std::int64_t rows = 0, width = 0;
  Span<const T> input;                           // [rows, width]: x of forward
  Span<const T> gain;                            // [width]
  Span<const Accumulator<T>> mean;               // [rows]
  Span<const Accumulator<T>> inverse_deviation;  // [rows]
  Span<const T> output_gradient;                 // [rows, width]
  // [rows, width] or empty: what reaches x by another way, as the residual stream does; it is added
  // to the gradient.
  Span<const T> residual_gradient;
  // [rows, width], overwritten; may be output_gradient or residual_gradient itself
  Span<T> input_gradient;
  Span<Accumulator<T>> gain_gradient;  // [width], added to
  Span<Accumulator<T>> bias_gradient;  // [width], added to, or empty
};

namespace cpu {
template <typename T>
void layer_norm_forward(const LayerNormForward<T>& arguments);
// Deterministic whatever the thread count: a column of the parameter gradients belongs to one
// thread, which adds fixed blocks of rows in order.
template <typename T>
void layer_norm_backward(const LayerNormBackward<T>& arguments);
}  // namespace cpu

// Asynchronous, for float and bf16. Backward is deterministic: blocks of rows write their part of
// the parameter gradients to scratch memory of the stream, and are added up in order.
namespace cuda {
class Stream;
template <typename T>
void layer_norm_forward(const LayerNormForward<T>& arguments, Stream& stream);
template <typename T>
void layer_norm_backward(const LayerNormBackward<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
