// Feed-forward activations: backward of the pointwise ones (their forward is the matmul epilogue),
// and SwiGLU both ways.
#pragma once

#include <cstdint>

#include "kernels/core/activation_kind.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

// input_gradient = output_gradient * activation'(pre_activation).
template <typename T>
struct ActivationBackward {
  std::int64_t rows = 0, width = 0;
  ActivationKind kind = ActivationKind::gelu;
  Span<const T> pre_activation;   // [rows, width]
  Span<const T> output_gradient;  // [rows, width]
  Span<T> input_gradient;         // [rows, width]; may be pre_activation or output_gradient itself
};

// SwiGLU: out = silu(gate) * up, with silu(x) = x * sigmoid(x). Shazeer 2020, arXiv:2002.05202.
template <typename T>
struct SwigluForward {
  std::int64_t rows = 0, width = 0;
  Span<const T> gate_up;  // [rows, 2, width]: the gate, then the linear part; saved for backward
  Span<T> out;            // [rows, width]
};

template <typename T>
struct SwigluBackward {
  std::int64_t rows = 0, width = 0;
  Span<const T> gate_up;          // [rows, 2, width]
  Span<const T> output_gradient;  // [rows, width]
  Span<T> gate_up_gradient;       // [rows, 2, width]; may be gate_up itself
};

namespace cpu {
template <typename T>
void activation_backward(const ActivationBackward<T>& arguments);
template <typename T>
void swiglu_forward(const SwigluForward<T>& arguments);
template <typename T>
void swiglu_backward(const SwigluBackward<T>& arguments);
}  // namespace cpu

// Asynchronous, for float and bf16; arithmetic in float.
namespace cuda {
class Stream;
template <typename T>
void activation_backward(const ActivationBackward<T>& arguments, Stream& stream);
template <typename T>
void swiglu_forward(const SwigluForward<T>& arguments, Stream& stream);
template <typename T>
void swiglu_backward(const SwigluBackward<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
