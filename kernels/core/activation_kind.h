// The pointwise activations of the feed-forward layer, as values and as scalar functions: core,
// since the matmul epilogue and the activation kernels share them.
#pragma once

#include "kernels/core/math.h"
#include "kernels/core/qualifiers.h"

namespace obverse::kernels {

enum class ActivationKind {
  none,
  gelu,   // tanh approximation, as in GPT-2: Hendrycks and Gimpel 2016, arXiv:1606.08415
  relu2,  // max(x, 0)^2: So et al. 2021, "Primer", arXiv:2109.08668
};

inline constexpr double kGeluScale = 0.7978845608028654;  // sqrt(2 / pi)
inline constexpr double kGeluCubic = 0.044715;

template <ActivationKind kind, typename T>
OBVERSE_HOST_DEVICE inline T activate(T x) {
  if constexpr (kind == ActivationKind::gelu) {
    // x * sigmoid(2u) equals 0.5 x (1 + tanh(u)) with one division fewer.
    const T u = T(kGeluScale) * (x + T(kGeluCubic) * x * x * x);
    return x * sigmoid(T(2) * u);
  } else if constexpr (kind == ActivationKind::relu2) {
    const T positive = x < T(0) ? T(0) : x;  // NaN stays NaN
    return positive * positive;
  } else {
    return x;
  }
}

template <ActivationKind kind, typename T>
OBVERSE_HOST_DEVICE inline T activation_slope(T x) {
  if constexpr (kind == ActivationKind::gelu) {
    const T u = T(kGeluScale) * (x + T(kGeluCubic) * x * x * x);
    const T s = sigmoid(T(2) * u);
    const T u_slope = T(kGeluScale) * (T(1) + T(3 * kGeluCubic) * x * x);
    return s + T(2) * x * s * (T(1) - s) * u_slope;
  } else if constexpr (kind == ActivationKind::relu2) {
    return x < T(0) ? T(0) : T(2) * x;
  } else {
    return T(1);
  }
}

}  // namespace obverse::kernels
