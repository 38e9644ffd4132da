#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/adamw/adamw.h"
#include "kernels/core/check.h"
#include "kernels/core/partition.h"

namespace obverse::kernels::cpu {
namespace {

// The step's scalars, with both bias corrections folded in.
template <typename T>
struct Coefficients {
  T beta_1, one_minus_beta_1, beta_2, one_minus_beta_2;
  T step_size;           // learning rate / (1 - beta_1^t)
  T inverse_correction;  // 1 / (1 - beta_2^t)
  T epsilon, clip_scale;
};

template <typename T>
void update(const AdamWTensor<T>& tensor, const Coefficients<T>& c, T keep, std::int64_t begin,
            std::int64_t end) {
  const std::int64_t count = end - begin;
  T* weight = tensor.weight.subspan(begin, count).data();
  const T* gradients = tensor.gradient.subspan(begin, count).data();
  T* first_moment = tensor.first_moment.subspan(begin, count).data();
  T* second_moment = tensor.second_moment.subspan(begin, count).data();
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T gradient = c.clip_scale * gradients[i];
    const T first = c.beta_1 * first_moment[i] + c.one_minus_beta_1 * gradient;
    const T second = c.beta_2 * second_moment[i] + c.one_minus_beta_2 * gradient * gradient;
    first_moment[i] = first;
    second_moment[i] = second;
    const T denominator = std::sqrt(second * c.inverse_correction) + c.epsilon;
    weight[i] = keep * weight[i] - c.step_size * first / denominator;
  }
}

}  // namespace

template <typename T>
void adamw(const AdamW<T>& arguments) {
  require(arguments.step >= 1, "[adamw] expected a step of at least 1, got ", arguments.step);
  require(arguments.beta_1 >= 0 && arguments.beta_1 < 1 && arguments.beta_2 >= 0 &&
              arguments.beta_2 < 1,
          "[adamw] expected beta_1 and beta_2 of at least 0 and below 1, got ", arguments.beta_1,
          " and ", arguments.beta_2);
  require_size("adamw", "clip_scale", 1, arguments.clip_scale.size());
  std::int64_t total = 0;
  for (const AdamWTensor<T>& tensor : arguments.tensors) {
    const std::int64_t count = tensor.weight.size();
    require_size("adamw", "gradient", count, tensor.gradient.size());
    require_size("adamw", "first_moment", count, tensor.first_moment.size());
    require_size("adamw", "second_moment", count, tensor.second_moment.size());
    total += count;
  }
  const double step = static_cast<double>(arguments.step);
  const Coefficients<T> coefficients{
      static_cast<T>(arguments.beta_1),
      static_cast<T>(1.0 - arguments.beta_1),
      static_cast<T>(arguments.beta_2),
      static_cast<T>(1.0 - arguments.beta_2),
      static_cast<T>(arguments.learning_rate / (1.0 - std::pow(arguments.beta_1, step))),
      static_cast<T>(1.0 / (1.0 - std::pow(arguments.beta_2, step))),
      static_cast<T>(arguments.epsilon),
      arguments.clip_scale[0]};
  // One partition over all tensors laid end to end: many small tensors then share one team.
  parallel_elements(total, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t offset = 0;  // of the tensor's first element in that row of tensors
    for (const AdamWTensor<T>& tensor : arguments.tensors) {
      const std::int64_t count = tensor.weight.size();
      const std::int64_t from = std::clamp<std::int64_t>(begin - offset, 0, count);
      const std::int64_t to = std::clamp<std::int64_t>(end - offset, 0, count);
      const T keep = static_cast<T>(1.0 - arguments.learning_rate * tensor.weight_decay);
      if (from < to) update(tensor, coefficients, keep, from, to);
      offset += count;
    }
  });
}

template void adamw(const AdamW<float>&);
template void adamw(const AdamW<double>&);

}  // namespace obverse::kernels::cpu
