#include "engine/ops/adamw.h"

#include <cstring>
#include <type_traits>

#include "engine/autograd/launch.h"
#include "kernels/adamw/adamw.h"
#include "kernels/core/scratch.h"

namespace obverse::engine {

void write_adamw_step(double learning_rate, std::int64_t step, std::int32_t* words) {
  const kernels::AdamWSchedule schedule{learning_rate, step};
  static_assert(sizeof(schedule) == kAdamWStepWords * sizeof(std::int32_t));
  std::memcpy(words, &schedule, sizeof(schedule));
}

void adamw_update(const std::vector<AdamWParameter>& parameters, const AdamWSettings& settings,
                  const AdamWStep& step, const Tensor& clip_scale) {
  if (parameters.empty()) return;
  with_float_type(clip_scale.dtype(), [&]<typename T>(T) {
    if constexpr (std::is_same_v<T, kernels::bf16>) {
      fail("[adamw] expected weights of type f32 or f64, got bf16");
    } else {
      const auto count = static_cast<std::int64_t>(parameters.size());
      kernels::Scratch<kernels::AdamWTensor<T>> scratch(count);
      kernels::AdamWTensor<T>* tensors = scratch.take(count);
      for (std::int64_t i = 0; i < count; ++i) {
        const AdamWParameter& parameter = parameters[static_cast<std::size_t>(i)];
        tensors[i] = {.weight = parameter.weight.span<T>(),
                      .gradient = parameter.gradient.span<T>(),
                      .first_moment = parameter.first_moment.span<T>(),
                      .second_moment = parameter.second_moment.span<T>(),
                      .weight_decay = parameter.weight_decay,
                      .rounded_weight = parameter.rounded_weight.span_or_empty<kernels::bf16>()};
      }
      kernels::AdamW<T> arguments;
      arguments.tensors = {tensors, count};
      arguments.learning_rate = step.learning_rate;
      arguments.beta_1 = settings.beta_1;
      arguments.beta_2 = settings.beta_2;
      arguments.epsilon = settings.epsilon;
      arguments.step = step.step;
      if (step.in_memory.defined()) {
        const auto words = step.in_memory.span<std::int32_t>();
        require(words.size() == kAdamWStepWords, "[adamw] expected a step of ", kAdamWStepWords,
                " words, got ", words.size());
        arguments.schedule = {reinterpret_cast<const kernels::AdamWSchedule*>(words.data()), 1};
      }
      arguments.clip_scale = clip_scale.span<T>();
      OBVERSE_LAUNCH(clip_scale.device(), adamw, arguments);
    }
  });
}

}  // namespace obverse::engine
