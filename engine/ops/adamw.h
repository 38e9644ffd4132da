// The optimizer's update over all parameters in one call.
#pragma once

#include <vector>

#include "engine/tensor/tensor.h"

namespace obverse::engine {

// One shape; weight and moments, of one type, are updated in place.
struct AdamWParameter {
  Tensor weight, gradient, first_moment, second_moment;
  Tensor rounded_weight;  // bf16, or undefined: the new weight for the next step's products
  double weight_decay = 0.0;
};

struct AdamWSettings {
  double beta_1 = 0.9, beta_2 = 0.95, epsilon = 1e-8;
};

// A step's number, which counts from 1, and its learning rate: as they are, or in the device's
// memory, as a CUDA graph needs them.
struct AdamWStep {
  double learning_rate = 1e-3;
  std::int64_t step = 1;
  Tensor in_memory;  // [kAdamWStepWords] i32 or undefined; holds what write_adamw_step() wrote
};
inline constexpr std::int64_t kAdamWStepWords = 4;
void write_adamw_step(double learning_rate, std::int64_t step, std::int32_t* words);

// Formula in kernels/adamw/adamw.h. clip_scale [1] multiplies the gradients; where it is not finite
// nothing changes.
void adamw_update(const std::vector<AdamWParameter>& parameters, const AdamWSettings& settings,
                  const AdamWStep& step, const Tensor& clip_scale);

}  // namespace obverse::engine
