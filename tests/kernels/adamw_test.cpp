#include "kernels/adamw/adamw.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

template <typename T>
struct State {
  std::vector<T> weight, gradient, first, second;
  double decay = 0.0;
};

template <typename T>
std::vector<State<T>> random_states(const std::vector<std::int64_t>& sizes) {
  std::vector<State<T>> states;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    State<T> state{normal_values<T>(sizes[i], 10 * i), normal_values<T>(sizes[i], 10 * i + 1),
                   normal_values<T>(sizes[i], 10 * i + 2), normal_values<T>(sizes[i], 10 * i + 3),
                   i % 2 == 0 ? 0.1 : 0.0};
    for (T& value : state.second) value *= value;
    states.push_back(state);
  }
  return states;
}

template <typename T>
void step(std::vector<State<T>>& states, std::int64_t number, const std::vector<T>& clip_scale) {
  std::vector<kernels::AdamWTensor<T>> tensors;
  for (State<T>& s : states) {
    tensors.push_back(
        {span(s.weight), span(std::as_const(s.gradient)), span(s.first), span(s.second), s.decay});
  }
  kernels::cpu::adamw<T>({.tensors = span(std::as_const(tensors)),
                          .learning_rate = 0.01,
                          .beta_1 = 0.9,
                          .beta_2 = 0.95,
                          .epsilon = 1e-8,
                          .step = number,
                          .clip_scale = span(clip_scale)});
}

const std::vector<std::int64_t> kSizes{1, 15, 561, 0, 39296};

TEMPLATE_TEST_CASE("adamw equals plain loops over three steps", "[adamw]", float, double) {
  using T = TestType;
  auto states = random_states<T>(kSizes);
  auto expected = random_states<T>(kSizes);
  for (std::int64_t number = 1; number <= 3; ++number) {
    step<T>(states, number, {T(0.5)});
    for (std::size_t tensor = 0; tensor < states.size(); ++tensor) {
      State<T>& s = expected[tensor];
      std::vector<double> weight, first, second;
      for (std::size_t i = 0; i < s.weight.size(); ++i) {
        const double g = 0.5 * s.gradient[i];
        first.push_back(0.9 * s.first[i] + 0.1 * g);
        second.push_back(0.95 * s.second[i] + 0.05 * g * g);
        const double t = static_cast<double>(number);
        const double direction = first.back() / (1 - std::pow(0.9, t)) /
                                 (std::sqrt(second.back() / (1 - std::pow(0.95, t))) + 1e-8);
        weight.push_back(s.weight[i] - 0.01 * (s.decay * s.weight[i] + direction));
      }
      // 0.05 as a float is off by half a unit of itself, and 1 - 0.95 in float would be off by ten.
      check_close(states[tensor].first, first, 4 * unit<T>(), 1.0, "first_moment");
      check_close(states[tensor].second, second, 8 * unit<T>(), 0.0, "second_moment");
      check_close(states[tensor].weight, weight, 4 * unit<T>(), 1.0, "weight");
      s = states[tensor];  // each step is judged by itself
    }
  }
}

TEST_CASE("adamw has the same bits with one thread and with two", "[adamw]") {
  auto one = random_states<float>({70001, 3, 40000}), two = one;
  {
    const WithThreads threads(1);
    step<float>(one, 2, {1.0f});
  }
  const WithThreads threads(2);
  step<float>(two, 2, {1.0f});
  for (std::size_t i = 0; i < one.size(); ++i) {
    check_same_bits(two[i].weight, one[i].weight, "weight");
    check_same_bits(two[i].first, one[i].first, "first_moment");
    check_same_bits(two[i].second, one[i].second, "second_moment");
  }
}

TEST_CASE("adamw names what is wrong and writes nothing", "[adamw]") {
  auto states = random_states<float>({4, 5});
  const auto before = states;
  const auto message = [&](std::int64_t number, const std::vector<float>& clip_scale) {
    return error_of([&] { step<float>(states, number, clip_scale); });
  };
  CHECK(message(0, {1.0f}) == "[adamw] expected a step of at least 1, got 0");
  CHECK(message(1, {}) == "[adamw] expected clip_scale of 1 elements, got 0");
  states[1].gradient.resize(3);
  CHECK(message(1, {1.0f}) == "[adamw] expected gradient of 5 elements, got 3");
  states[1].gradient.resize(5);
  states[1].second.resize(3);
  CHECK(message(1, {1.0f}) == "[adamw] expected second_moment of 5 elements, got 3");
  CHECK(states[0].weight == before[0].weight);
  const std::vector<float> one{1.0f};
  CHECK(error_of([&] { kernels::cpu::adamw<float>({.beta_2 = 1.0, .clip_scale = span(one)}); }) ==
        "[adamw] expected beta_1 and beta_2 of at least 0 and below 1, got 0.9 and 1");
}

}  // namespace
}  // namespace obverse::tests
