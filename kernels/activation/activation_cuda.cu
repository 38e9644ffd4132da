#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/activation/activation_check.h"
#include "kernels/core/pointwise.cuh"

namespace obverse::kernels::cuda {
namespace {

template <ActivationKind kind, typename T>
struct MultiplyBySlope {
  static constexpr int kGroup = kWidestGroup<T>, kGroups = 2;
  Span<const T> pre_activation, output_gradient;
  Span<T> input_gradient;

  template <int count>
  struct Loaded {
    Group<T, count> pre_activation, gradient;
  };
  template <int count>
  __device__ __forceinline__ Loaded<count> load(std::int64_t at) const {
    return {load_group<count>(pre_activation, at), load_group<count>(output_gradient, at)};
  }
  template <int count>
  __device__ __forceinline__ void store(std::int64_t at, const Loaded<count>& x) const {
    float products[count];
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) {
      products[i] = static_cast<float>(x.gradient[i]) *
                    activation_slope<kind>(static_cast<float>(x.pre_activation[i]));
    }
    store_rounded(input_gradient, at, products);
  }
};

// Where element `at` of an array [rows, width] has its gate in one [rows, 2, width]; the linear
// part is `width` further.
__device__ __forceinline__ std::int64_t gate_of(std::int64_t at, std::int64_t width) {
  return at + at / width * width;
}

template <typename T>
struct SwigluOut {
  static constexpr int kGroup = kWidestGroup<T>, kGroups = 2;
  Span<const T> gate_up;
  Span<T> out;
  std::int64_t width;

  template <int count>
  struct Loaded {
    Group<T, count> gate, up;
  };
  template <int count>
  __device__ __forceinline__ Loaded<count> load(std::int64_t at) const {
    const std::int64_t gate = gate_of(at, width);
    return {load_group<count>(gate_up, gate), load_group<count>(gate_up, gate + width)};
  }
  template <int count>
  __device__ __forceinline__ void store(std::int64_t at, const Loaded<count>& x) const {
    float products[count];
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) {
      const auto gate = static_cast<float>(x.gate[i]);
      products[i] = gate * sigmoid(gate) * static_cast<float>(x.up[i]);
    }
    store_rounded(out, at, products);
  }
};

template <typename T>
struct SwigluGradient {
  static constexpr int kGroup = kWidestGroup<T>, kGroups = 2;
  Span<const T> gate_up, output_gradient;
  Span<T> gate_up_gradient;
  std::int64_t width;

  template <int count>
  struct Loaded {
    std::int64_t at;  // the gate's place
    Group<T, count> gate, up, gradient;
  };
  template <int count>
  __device__ __forceinline__ Loaded<count> load(std::int64_t at) const {
    const std::int64_t gate = gate_of(at, width);
    return {gate, load_group<count>(gate_up, gate), load_group<count>(gate_up, gate + width),
            load_group<count>(output_gradient, at)};
  }
  template <int count>
  __device__ __forceinline__ void store(std::int64_t /*at*/, const Loaded<count>& x) const {
    float gate_gradient[count], up_gradient[count];
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) {
      const auto gate = static_cast<float>(x.gate[i]), gradient = static_cast<float>(x.gradient[i]);
      const float s = sigmoid(gate);
      const float silu = gate * s;
      const float slope = s + silu * (1.0f - s);
      up_gradient[i] = gradient * silu;
      gate_gradient[i] = gradient * static_cast<float>(x.up[i]) * slope;
    }
    store_rounded(gate_up_gradient, x.at, gate_gradient);
    store_rounded(gate_up_gradient, x.at + width, up_gradient);
  }
};

// Whether a group never reaches from one row into the next.
template <typename T>
bool has_whole_groups(std::int64_t width) {
  return width % kWidestGroup<T> == 0;
}

}  // namespace

template <typename T>
void activation_backward(const ActivationBackward<T>& x, Stream& stream) {
  activation_check(x);
  with_activation_kind(x.kind, [&]<ActivationKind kind>() {
    launch_pointwise(
        stream, "activation_backward", x.input_gradient.size(),
        all_aligned_16(x.pre_activation, x.output_gradient, x.input_gradient),
        MultiplyBySlope<kind, T>{x.pre_activation, x.output_gradient, x.input_gradient});
  });
}

template <typename T>
void swiglu_forward(const SwigluForward<T>& x, Stream& stream) {
  activation_check(x);
  launch_pointwise(stream, "swiglu_forward", x.out.size(),
                   has_whole_groups<T>(x.width) && all_aligned_16(x.gate_up, x.out),
                   SwigluOut<T>{x.gate_up, x.out, x.width});
}

template <typename T>
void swiglu_backward(const SwigluBackward<T>& x, Stream& stream) {
  activation_check(x);
  launch_pointwise(stream, "swiglu_backward", x.output_gradient.size(),
                   has_whole_groups<T>(x.width) &&
                       all_aligned_16(x.gate_up, x.output_gradient, x.gate_up_gradient),
                   SwigluGradient<T>{x.gate_up, x.output_gradient, x.gate_up_gradient, x.width});
}

template void activation_backward(const ActivationBackward<float>&, Stream&);
template void activation_backward(const ActivationBackward<bf16>&, Stream&);
template void swiglu_forward(const SwigluForward<float>&, Stream&);
template void swiglu_forward(const SwigluForward<bf16>&, Stream&);
template void swiglu_backward(const SwigluBackward<float>&, Stream&);
template void swiglu_backward(const SwigluBackward<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda
