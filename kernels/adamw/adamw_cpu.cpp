#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/adamw/adamw.h"
#include "kernels/adamw/adamw_update.h"
#include "kernels/core/partition.h"

namespace obverse::kernels::cpu {
namespace {

// What updates elements [begin, end) of one tensor.
template <typename T, typename Gradient>
struct Update {
  const AdamW<T, Gradient>& x;
  AdamWSchedule schedule;
  AdamWCoefficients<Accumulator<T>> coefficients;

  // round(element, value) is the element's new weight in bf16.
  template <typename Round>
  void operator()(const AdamWTensor<T, Gradient>& tensor, std::int64_t begin, std::int64_t end,
                  const Round& round) const {
    using Number = Accumulator<T>;
    const std::int64_t count = end - begin;
    T* weight = tensor.weight.subspan(begin, count).data();
    const Gradient* gradients = tensor.gradient.subspan(begin, count).data();
    Number* first_moment = tensor.first_moment.subspan(begin, count).data();
    Number* second_moment = tensor.second_moment.subspan(begin, count).data();
    const Number keep = adamw_keep<Number>(schedule.learning_rate, tensor.weight_decay);
    const Number clip_scale = x.clip_scale[0];
    const AdamWCoefficients<Number> c = coefficients;
    if constexpr (std::is_same_v<T, bf16>) {
      for (std::int64_t i = 0; i < count; ++i) {
        weight[i] = round(begin + i, adamw_element(static_cast<Number>(weight[i]),
                                                   clip_scale * static_cast<Number>(gradients[i]),
                                                   first_moment[i], second_moment[i], c, keep));
      }
    } else {
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) {
        weight[i] = adamw_element(weight[i], clip_scale * static_cast<Number>(gradients[i]),
                                  first_moment[i], second_moment[i], c, keep);
      }
      if (tensor.rounded_weight.empty()) return;
      bf16* rounded = tensor.rounded_weight.subspan(begin, count).data();
      for (std::int64_t i = 0; i < count; ++i) {
        rounded[i] = round(begin + i, static_cast<float>(weight[i]));
      }
    }
  }
};

}  // namespace

template <typename T, typename Gradient>
void adamw(const AdamW<T, Gradient>& x) {
  const std::int64_t total = adamw_check(x);
  if (!std::isfinite(x.clip_scale[0])) return;
  const AdamWSchedule schedule =
      x.schedule.empty() ? AdamWSchedule{x.learning_rate, x.step} : x.schedule[0];
  const Update<T, Gradient> update{
      x, schedule, adamw_coefficients<Accumulator<T>>({x.beta_1, x.beta_2, x.epsilon}, schedule)};
  // One partition over all tensors laid end to end: many small tensors then share one team.
  parallel_elements(total, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t offset = 0;  // of the tensor's first element in that row of tensors
    for (std::int64_t number = 0; number < x.tensors.size(); ++number) {
      const AdamWTensor<T, Gradient>& tensor = x.tensors[number];
      const std::int64_t count = tensor.weight.size();
      const std::int64_t from = std::clamp<std::int64_t>(begin - offset, 0, count);
      const std::int64_t to = std::clamp<std::int64_t>(end - offset, 0, count);
      offset += count;
      if (from >= to) continue;
      if (x.rounding == Rounding::nearest) {
        update(tensor, from, to, [](std::int64_t, float value) { return bf16(value); });
      } else {
        update(tensor, from, to, [&](std::int64_t element, float value) {
          const PhiloxBlock draws =
              adamw_draws(x.seed, static_cast<std::uint32_t>(schedule.step),
                          static_cast<std::uint32_t>(number), element / kAdamWDraws);
          return rounded_stochastically(value,
                                        draws[static_cast<std::size_t>(element % kAdamWDraws)]);
        });
      }
    }
  });
}

template void adamw(const AdamW<float>&);
template void adamw(const AdamW<double>&);
template void adamw(const AdamW<float, bf16>&);
template void adamw(const AdamW<bf16>&);
template void adamw(const AdamW<bf16, float>&);

}  // namespace obverse::kernels::cpu
