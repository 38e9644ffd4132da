// What the CPU's and the GPU's AdamW share: the arithmetic of one element, how a weight is rounded,
// and what is checked before anything is written.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/adamw/adamw.h"
#include "kernels/core/bf16.h"
#include "kernels/core/check.h"
#include "kernels/core/qualifiers.h"
#include "kernels/core/random.h"

namespace obverse::kernels {

// The step's scalars, with both bias corrections folded in.
template <typename T>
struct AdamWCoefficients {
  T beta_1, one_minus_beta_1, beta_2, one_minus_beta_2;
  T step_size;           // learning rate / (1 - beta_1^t)
  T inverse_correction;  // 1 / (1 - beta_2^t)
  T epsilon;
};

// What stays the same from step to step.
struct AdamWConstants {
  double beta_1, beta_2, epsilon;
};

template <typename T>
OBVERSE_HOST_DEVICE inline AdamWCoefficients<T> adamw_coefficients(const AdamWConstants& constants,
                                                                   const AdamWSchedule& schedule) {
  const double step = static_cast<double>(schedule.step);
  return {static_cast<T>(constants.beta_1),
          static_cast<T>(1.0 - constants.beta_1),
          static_cast<T>(constants.beta_2),
          static_cast<T>(1.0 - constants.beta_2),
          static_cast<T>(schedule.learning_rate / (1.0 - std::pow(constants.beta_1, step))),
          static_cast<T>(1.0 / (1.0 - std::pow(constants.beta_2, step))),
          static_cast<T>(constants.epsilon)};
}

// What is left of a weight after decay.
template <typename T>
OBVERSE_HOST_DEVICE inline T adamw_keep(double learning_rate, double weight_decay) {
  return static_cast<T>(1.0 - learning_rate * weight_decay);
}

// The new weight; both moments are replaced. `gradient` is clipped already.
template <typename T>
OBVERSE_HOST_DEVICE inline T adamw_element(T weight, T gradient, T& first_moment, T& second_moment,
                                           const AdamWCoefficients<T>& c, T keep) {
  first_moment = c.beta_1 * first_moment + c.one_minus_beta_1 * gradient;
  second_moment = c.beta_2 * second_moment + c.one_minus_beta_2 * gradient * gradient;
  const T denominator = std::sqrt(second_moment * c.inverse_correction) + c.epsilon;
  return keep * weight - c.step_size * first_moment / denominator;
}

// Elements that share a Philox block: it has four words.
inline constexpr int kAdamWDraws = 4;

// The draws of elements kAdamWDraws * `group` and on of one tensor. Its number goes into the upper
// half of the key's step, which steps never reach.
OBVERSE_HOST_DEVICE inline PhiloxBlock adamw_draws(std::uint64_t seed, std::uint32_t step,
                                                   std::uint32_t tensor, std::int64_t group) {
  return random_block({seed, Purpose::rounding, static_cast<std::uint64_t>(tensor) << 32 | step},
                      static_cast<std::uint64_t>(group));
}

// Up with the probability that the bits left out are of the distance between neighbours: adding
// sixteen random bits carries into the bits that stay. An infinity has none to carry; a NaN could
// become one.
OBVERSE_HOST_DEVICE inline bf16 rounded_stochastically(float value, std::uint32_t draw) {
  if (value != value) return bf16(value);
  bf16 result;
  result.bits =
      static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(value) + (draw >> 16)) >> 16);
  return result;
}

// Throws before anything is written. Returns the number of elements.
template <typename T, typename Gradient>
std::int64_t adamw_check(const AdamW<T, Gradient>& x) {
  require(x.step >= 1, "[adamw] expected a step of at least 1, got ", x.step);
  require(x.step < std::int64_t{1} << 32, "[adamw] expected a step below 2^32, got ", x.step);
  require(x.beta_1 >= 0 && x.beta_1 < 1 && x.beta_2 >= 0 && x.beta_2 < 1,
          "[adamw] expected beta_1 and beta_2 of at least 0 and below 1, got ", x.beta_1, " and ",
          x.beta_2);
  require_size("adamw", "clip_scale", 1, x.clip_scale.size());
  require_size_or_empty("adamw", "schedule", 1, x.schedule.size());
  std::int64_t total = 0;
  for (const AdamWTensor<T, Gradient>& tensor : x.tensors) {
    const std::int64_t count = tensor.weight.size();
    require_size("adamw", "gradient", count, tensor.gradient.size());
    require_size("adamw", "first_moment", count, tensor.first_moment.size());
    require_size("adamw", "second_moment", count, tensor.second_moment.size());
    if constexpr (std::is_same_v<T, bf16>) {
      require(tensor.rounded_weight.empty(),
              "[adamw] expected no rounded_weight beside weights in bf16, got ",
              tensor.rounded_weight.size(), " elements");
    } else {
      require_size_or_empty("adamw", "rounded_weight", count, tensor.rounded_weight.size());
    }
    total += count;
  }
  return total;
}

}  // namespace obverse::kernels
