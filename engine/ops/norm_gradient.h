// Where the backward of a norm puts its gradients, which its kernels always produce.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// The gain's running sum, or memory to be thrown away where the gain is a constant.
inline Tensor gain_gradient_sum(const GradientHandle& gradient, const Tensor& gain) {
  return gradient ? gradient->running_sum(gain.device())
                  : Tensor::zeros(gain.device(), gain.shape(), accumulator_of(gain.dtype()));
}

// The input's gradient: added to what the residual stream brought there, in the kernel's own pass.
class NormGradient {
 public:
  NormGradient(const GradientHandle& input, const Tensor& output_gradient) {
    const Device& device = output_gradient.device();
    target_ =
        input ? input->target(device)
              : Gradient::Target{
                    Tensor::empty(device, output_gradient.shape(), output_gradient.dtype()), false};
  }
  const Tensor& tensor() const { return target_.tensor; }
  // Undefined where nothing is there yet.
  Tensor so_far() const { return target_.accumulate ? target_.tensor : Tensor(); }

 private:
  Gradient::Target target_;
};

}  // namespace obverse::engine
