// The optimizer's update over all parameters in one call.
#pragma once

#include <vector>

#include "engine/tensor/tensor.h"

namespace obverse::engine {

struct AdamWParameter {
  Tensor weight, gradient, first_moment,
      second_moment;  // one shape and type; weight and moments are updated in place
  double weight_decay = 0.0;
};

struct AdamWSettings {
  double learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.95, epsilon = 1e-8;
};

// Formula in kernels/adamw/adamw.h. `step` counts from 1; clip_scale [1] multiplies the gradients.
void adamw_update(const std::vector<AdamWParameter>& parameters, const AdamWSettings& settings,
                  std::int64_t step, const Tensor& clip_scale);

}  // namespace obverse::engine
