// Shared by the norms, whose kernels always produce the gain's gradient.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// The gain's running sum, or memory to be thrown away where the gain is a constant.
inline Tensor gain_gradient_sum(const GradientHandle& gradient, const Tensor& gain) {
  return gradient ? gradient->running_sum(gain.device())
                  : Tensor::zeros(gain.device(), gain.shape(), gain.dtype());
}

}  // namespace obverse::engine
