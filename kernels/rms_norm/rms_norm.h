// Root-mean-square normalization: Zhang and Sennrich 2019, arXiv:1910.07467.
// out = x / sqrt(mean(x^2) + epsilon) * gain. Rows may lie apart (`stride`), so that the heads of a
// packed projection are normalized where they are (QK-norm: Henry et al. 2020, arXiv:2010.04245).
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

// Rows come in `groups` of `rows` neighbouring rows; group g starts at element g * stride of input,
// out and gradients. A plain [rows, width] array is one group.
struct RmsNormShape {
  std::int64_t groups = 1, rows = 0, width = 0;
  std::int64_t stride = 0;  // elements between groups; unused where groups is 1
};

template <typename T>
struct RmsNormForward {
  RmsNormShape shape;
  double epsilon = 1e-5;
  Span<const T> input;     // [groups, rows, width] by stride; saved for backward, unless there is a
                           // residual
  Span<const T> residual;  // like input or empty: x is input + residual, rounded to T
  Span<T> sum;             // like input, where there is a residual: x; saved for backward; may be
                           // input or residual itself
  Span<const T> gain;      // [width]
  Span<T> out;             // like input; may be input itself where backward is not wanted
  Span<Accumulator<T>> inverse_rms;  // [groups, rows], dense; saved for backward
};

template <typename T>
struct RmsNormBackward {
  RmsNormShape shape;
  Span<const T> input;                     // x of forward, laid out as there
  Span<const T> gain;                      // [width]
  Span<const Accumulator<T>> inverse_rms;  // [groups, rows]
  Span<const T> output_gradient;           // like input
  // Like input or empty: what reaches x by another way, as the residual stream does; it is added to
  // the gradient.
  Span<const T> residual_gradient;
  // Like input, overwritten; may be output_gradient or residual_gradient itself.
  Span<T> input_gradient;
  Span<Accumulator<T>> gain_gradient;  // [width], added to
};

namespace cpu {
template <typename T>
void rms_norm_forward(const RmsNormForward<T>& arguments);
// Deterministic whatever the thread count: a column of the parameter gradients belongs to one
// thread, which adds fixed blocks of rows in order.
template <typename T>
void rms_norm_backward(const RmsNormBackward<T>& arguments);
}  // namespace cpu

// Asynchronous, for float and bf16. Backward is deterministic: blocks of rows write their part of
// the gain's gradient to scratch memory of the stream, and are added up in order.
namespace cuda {
class Stream;
template <typename T>
void rms_norm_forward(const RmsNormForward<T>& arguments, Stream& stream);
template <typename T>
void rms_norm_backward(const RmsNormBackward<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
