// Root-mean-square normalization: Zhang and Sennrich 2019, arXiv:1910.07467.
// out = x / sqrt(mean(x^2) + epsilon) * gain. Rows may lie apart (`stride`), so that the heads of a
// packed projection are normalized where they are (QK-norm: Henry et al. 2020, arXiv:2010.04245).
#pragma once

#include <cstdint>

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
  Span<const T> input;  // [groups, rows, width] by stride; saved for backward
  Span<const T> gain;   // [width]
  Span<T> out;          // like input; may be input itself where backward is not wanted
  Span<T> inverse_rms;  // [groups, rows], dense; saved for backward
};

template <typename T>
struct RmsNormBackward {
  RmsNormShape shape;
  Span<const T> input;            // like forward's
  Span<const T> gain;             // [width]
  Span<const T> inverse_rms;      // [groups, rows]
  Span<const T> output_gradient;  // like input
  Span<T> input_gradient;         // like input, overwritten; may be output_gradient itself
  Span<T> gain_gradient;          // [width], added to
};

namespace cpu {
template <typename T>
void rms_norm_forward(const RmsNormForward<T>& arguments);
// Deterministic whatever the thread count: a column of the parameter gradients belongs to one
// thread, which adds fixed blocks of rows in order.
template <typename T>
void rms_norm_backward(const RmsNormBackward<T>& arguments);
}  // namespace cpu

}  // namespace obverse::kernels
