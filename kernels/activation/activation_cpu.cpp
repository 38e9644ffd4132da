#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/activation/activation_check.h"
#include "kernels/core/partition.h"

namespace obverse::kernels::cpu {
namespace {

template <ActivationKind kind, typename T>
void multiply_by_slope(const ActivationBackward<T>& arguments, std::int64_t begin,
                       std::int64_t end) {
  const std::int64_t count = end - begin;
  const T* pre_activation = arguments.pre_activation.subspan(begin, count).data();
  const T* output_gradient = arguments.output_gradient.subspan(begin, count).data();
  T* input_gradient = arguments.input_gradient.subspan(begin, count).data();
  // `simd` also tells the compiler that buffers are either the same or apart, as the contract says.
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    input_gradient[i] = output_gradient[i] * activation_slope<kind>(pre_activation[i]);
  }
}

}  // namespace

template <typename T>
void activation_backward(const ActivationBackward<T>& arguments) {
  activation_check(arguments);
  with_activation_kind(arguments.kind, [&]<ActivationKind kind>() {
    parallel_elements(arguments.rows * arguments.width, [&](std::int64_t begin, std::int64_t end) {
      multiply_by_slope<kind>(arguments, begin, end);
    });
  });
}

template <typename T>
void swiglu_forward(const SwigluForward<T>& arguments) {
  const std::int64_t rows = arguments.rows, width = arguments.width;
  activation_check(arguments);
  parallel_rows(rows, width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* gate = arguments.gate_up.subspan(row * 2 * width, 2 * width).data();
      const T* up = gate + width;
      T* out = arguments.out.subspan(row * width, width).data();
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) out[i] = gate[i] * sigmoid(gate[i]) * up[i];
    }
  });
}

template <typename T>
void swiglu_backward(const SwigluBackward<T>& arguments) {
  const std::int64_t rows = arguments.rows, width = arguments.width;
  activation_check(arguments);
  parallel_rows(rows, 2 * width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* gate = arguments.gate_up.subspan(row * 2 * width, 2 * width).data();
      const T* up = gate + width;
      const T* gradient = arguments.output_gradient.subspan(row * width, width).data();
      T* gate_gradient = arguments.gate_up_gradient.subspan(row * 2 * width, 2 * width).data();
      T* up_gradient = gate_gradient + width;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) {
        const T s = sigmoid(gate[i]);
        const T silu = gate[i] * s;
        const T slope = s + silu * (T(1) - s);
        const T gate_part = gradient[i] * up[i] * slope;
        up_gradient[i] = gradient[i] * silu;
        gate_gradient[i] = gate_part;
      }
    }
  });
}

template void activation_backward(const ActivationBackward<float>&);
template void activation_backward(const ActivationBackward<double>&);
template void swiglu_forward(const SwigluForward<float>&);
template void swiglu_forward(const SwigluForward<double>&);
template void swiglu_backward(const SwigluBackward<float>&);
template void swiglu_backward(const SwigluBackward<double>&);

}  // namespace obverse::kernels::cpu
