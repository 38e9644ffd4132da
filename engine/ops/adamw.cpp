#include "engine/ops/adamw.h"

#include "engine/autograd/launch.h"
#include "kernels/adamw/adamw.h"
#include "kernels/core/scratch.h"

namespace obverse::engine {

void adamw_update(const std::vector<AdamWParameter>& parameters, const AdamWSettings& settings,
                  std::int64_t step, const Tensor& clip_scale) {
  if (parameters.empty()) return;
  with_float_type(clip_scale.dtype(), [&]<typename T>(T) {
    const auto count = static_cast<std::int64_t>(parameters.size());
    kernels::Scratch<kernels::AdamWTensor<T>> scratch(count);
    kernels::AdamWTensor<T>* tensors = scratch.take(count);
    for (std::int64_t i = 0; i < count; ++i) {
      const AdamWParameter& parameter = parameters[static_cast<std::size_t>(i)];
      tensors[i] = {parameter.weight.span<T>(), parameter.gradient.span<T>(),
                    parameter.first_moment.span<T>(), parameter.second_moment.span<T>(),
                    parameter.weight_decay};
    }
    kernels::AdamW<T> arguments;
    arguments.tensors = {tensors, count};
    arguments.learning_rate = settings.learning_rate;
    arguments.beta_1 = settings.beta_1;
    arguments.beta_2 = settings.beta_2;
    arguments.epsilon = settings.epsilon;
    arguments.step = step;
    arguments.clip_scale = clip_scale.span<T>();
    OBVERSE_LAUNCH(clip_scale.device(), adamw, arguments);
  });
}

}  // namespace obverse::engine
