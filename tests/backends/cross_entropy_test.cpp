#include "kernels/cross_entropy/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <typename T>
struct Call {
  std::int64_t vocabulary = 0;
  std::vector<T> logits;
  std::vector<std::int32_t> targets;
  std::vector<float> weights{};  // or none
  std::vector<float> factor{};   // likewise
  double scale = 0.25;
  std::int64_t shift = 0;  // of the logits
};

template <typename T>
struct Result {
  std::vector<T> logits;
  std::vector<float> losses;
};

template <typename T>
Result<T> run(const Call<T>& call, bool write_gradient) {
  const auto tokens = static_cast<std::int64_t>(call.targets.size());
  Guarded<T> logits(call.logits, call.shift);
  Guarded<std::int32_t> targets(call.targets, 1);
  Guarded<float> weights(call.weights, 1), factor(call.factor, 1);
  auto losses = Guarded<float>::poisoned(tokens, 1);
  kernels::CrossEntropy<T> x;
  x.tokens = tokens;
  x.vocabulary = call.vocabulary;
  x.targets = targets.span();
  x.weights = weights.span();
  x.gradient_scale = call.scale;
  x.gradient_factor = factor.span();
  x.write_gradient = write_gradient;
  x.logits = logits.span();
  x.losses = losses.span();
  OBVERSE_RUN(cross_entropy, x);
  return {logits.to_vector(), losses.to_vector()};
}

// Logits up to 20, every fourth target ignored.
template <typename T>
Call<T> random_call(std::int64_t tokens, std::int64_t vocabulary, std::int64_t shift = 0) {
  Call<T> call{vocabulary, normal_in<T>(tokens * vocabulary, 1), random_ids(tokens, vocabulary, 2)};
  for (T& logit : call.logits) logit = T(5.0f * static_cast<float>(logit));
  for (std::size_t i = 1; i < call.targets.size(); i += 4) {
    call.targets[i] = kernels::kIgnoredTarget;
  }
  call.weights = normal_in<float>(tokens, 3);
  call.factor = {0.37f};
  call.shift = shift;
  return call;
}

// The same in `Number`, the gradient not yet rounded to T.
template <typename Number, typename T>
void plain(const Call<T>& call, std::vector<Number>& losses, std::vector<Number>& gradient) {
  const auto vocabulary = static_cast<std::size_t>(call.vocabulary);
  for (std::size_t t = 0; t < call.targets.size(); ++t) {
    std::vector<Number> row;
    for (std::size_t v = 0; v < vocabulary; ++v) {
      row.push_back(static_cast<Number>(call.logits[t * vocabulary + v]));
    }
    if (call.targets[t] == kernels::kIgnoredTarget) {
      losses.push_back(0);
      gradient.insert(gradient.end(), vocabulary, Number(0));
      continue;
    }
    const auto target = static_cast<std::size_t>(call.targets[t]);
    const Number maximum = *std::max_element(row.begin(), row.end()), target_logit = row[target];
    Number sum = 0, scale = static_cast<Number>(call.scale);
    for (Number& value : row) sum += value = std::exp(value - maximum);
    losses.push_back(std::log(sum) + (maximum - target_logit));
    if (!call.weights.empty()) scale *= static_cast<Number>(call.weights[t]);
    if (!call.factor.empty()) scale *= static_cast<Number>(call.factor[0]);
    for (std::size_t v = 0; v < vocabulary; ++v) {
      gradient.push_back(row[v] * (scale / sum) - (v == target ? scale : Number(0)));
    }
  }
}

template <typename T>
void check_call(const Call<T>& call, const std::string& what) {
  std::vector<double> losses, gradient;
  std::vector<float> float_losses, float_gradient;
  plain(call, losses, gradient);
  plain(call, float_losses, float_gradient);
  std::vector<T> rounded;
  for (const float value : float_gradient) rounded.push_back(T(value));
  const Result<T> loss_only = run(call, false), both = run(call, true);
  check_flash_rule(loss_only.losses, float_losses, losses, what + ": losses");
  check_flash_rule(both.logits, rounded, gradient, what + ": gradient");
  check_same_bits(both.losses, loss_only.losses, what + ": losses with write_gradient");
  check_same_bits(loss_only.logits, call.logits, what + ": logits without write_gradient");
  for (std::size_t t = 0; t < call.targets.size(); ++t) {
    if (call.targets[t] != kernels::kIgnoredTarget) continue;
    CHECK(both.losses[t] == 0.0f);
    const auto row = both.logits.begin() + static_cast<std::ptrdiff_t>(t) * call.vocabulary;
    CHECK(std::all_of(row, row + call.vocabulary,
                      [](const T& value) { return static_cast<float>(value) == 0.0f; }));
  }
}

TEMPLATE_TEST_CASE("cross_entropy equals double arithmetic on rows of any size and place",
                   "[cross_entropy]", OBVERSE_BACKEND_TYPES) {
  struct Shape {
    std::int64_t tokens, vocabulary, shift;
  };
  // Rows of fewer elements than a vector has, of one and several vectors a thread, and of more than
  // a block takes at once; starting at every place between two multiples of 16 bytes.
  constexpr Shape kShapes[] = {{0, 5, 0},     {1, 1, 0},    {3, 2, 1},    {9, 5, 3},
                               {11, 13, 0},   {17, 33, 1},  {64, 64, 0},  {40, 614, 2},
                               {9, 2051, 7},  {3, 4096, 0}, {4, 8209, 1}, {2, 20011, 5},
                               {3, 33000, 0}, {1, 40000, 3}};
  for (const Shape& shape : kShapes) {
    check_call(random_call<TestType>(shape.tokens, shape.vocabulary, shape.shift),
               std::to_string(shape.tokens) + "x" + std::to_string(shape.vocabulary));
  }
}

TEMPLATE_TEST_CASE("cross_entropy's weights and factor may be left out", "[cross_entropy]",
                   OBVERSE_BACKEND_TYPES) {
  for (const bool weights : {false, true}) {
    for (const bool factor : {false, true}) {
      auto call = random_call<TestType>(9, 101);
      if (!weights) call.weights.clear();
      if (!factor) call.factor.clear();
      check_call(call, std::string(weights ? "weights " : "") + (factor ? "factor" : ""));
    }
  }
}

TEMPLATE_TEST_CASE("cross_entropy stands large and infinitely low logits", "[cross_entropy]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const std::int64_t vocabulary = 3001;
  for (const float level : {1e4f, -1e4f}) {
    auto call = random_call<T>(5, vocabulary);
    for (T& logit : call.logits) logit = T(level + 64.0f * static_cast<float>(logit));
    check_call(call, "level " + std::to_string(level));
  }
  // All but some of a row, whole vectors of it: what a mask leaves.
  auto call = random_call<T>(5, vocabulary);
  for (std::size_t i = 0; i < call.logits.size(); ++i) {
    if (i % 40 > 3) call.logits[i] = T(-kInfinity);
  }
  for (std::size_t t = 0; t < call.targets.size(); ++t) {
    const std::size_t row = t * static_cast<std::size_t>(vocabulary);
    call.targets[t] = static_cast<std::int32_t>((row + 39) / 40 * 40 - row);
  }
  check_call(call, "-inf");
}

TEMPLATE_TEST_CASE("cross_entropy sees every element of a row", "[cross_entropy]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const auto vocabulary = std::size_t{131};
  Call<T> call{131, std::vector<T>(vocabulary * vocabulary, T(0.5f)),
               std::vector<std::int32_t>(vocabulary, 3)};
  for (const float odd : {kNan, kInfinity, 400.0f}) {
    for (std::size_t i = 0; i < vocabulary; ++i) {
      call.logits[i * vocabulary + i] = T(odd);
      // A loss of 0 where the odd one's exponential is all that counts.
      if (odd == 400.0f) call.targets[i] = static_cast<std::int32_t>(i);
    }
    for (const bool write_gradient : {false, true}) {
      const auto result = run(call, write_gradient);
      for (std::size_t i = 0; i < vocabulary; ++i) {
        INFO("element " << i << ", " << odd);
        if (odd == 400.0f) {
          REQUIRE(result.losses[i] == 0.0f);
        } else {
          REQUIRE(std::isnan(result.losses[i]));
        }
        for (std::size_t v = 0; write_gradient && v < vocabulary; ++v) {
          const auto value = static_cast<float>(result.logits[i * vocabulary + v]);
          REQUIRE(std::isnan(value) == (odd != 400.0f));
        }
      }
    }
  }
}

#ifndef OBVERSE_BACKEND_CPU
TEMPLATE_TEST_CASE("cross_entropy makes a target that is out of range seen", "[cross_entropy]",
                   OBVERSE_BACKEND_TYPES) {
  for (const std::int64_t vocabulary : {7, 610, 9001}) {
    auto call = random_call<TestType>(6, vocabulary);
    call.targets = {0,  static_cast<std::int32_t>(vocabulary),    -2,
                    -1, std::numeric_limits<std::int32_t>::max(), 1};
    for (const bool write_gradient : {false, true}) {
      const auto result = run(call, write_gradient);
      for (std::size_t t = 0; t < 6; ++t) {
        const bool wrong = t == 1 || t == 2 || t == 4;
        CHECK(std::isnan(result.losses[t]) == wrong);
        const auto begin = result.logits.begin() + static_cast<std::ptrdiff_t>(t) * vocabulary;
        CHECK(std::count_if(begin, begin + vocabulary, [](const TestType& value) {
                return std::isnan(static_cast<float>(value));
              }) == (wrong && write_gradient ? vocabulary : 0));
      }
    }
  }
}
#endif

TEMPLATE_TEST_CASE("cross_entropy has the same bits in every order of threads and blocks",
                   "[cross_entropy]", OBVERSE_BACKEND_TYPES) {
  for (const auto& call : {random_call<TestType>(7, 2053, 3), random_call<TestType>(1, 17000)}) {
    const auto expected = run(call, true);
    for_schedules(
        [&] {
          const auto result = run(call, true);
          check_same_bits(result.losses, expected.losses, "losses");
          check_same_bits(result.logits, expected.logits, "gradient");
        },
        3);
  }
}

TEST_CASE("cross_entropy names what has the wrong size and writes nothing", "[cross_entropy]") {
  Buffer<float> logits(std::vector<float>(20, 2.0f)), losses(std::vector<float>(4, 7.0f));
  Buffer<std::int32_t> targets(std::vector<std::int32_t>(4, 1));
  const auto error_with = [&](const auto& change) {
    kernels::CrossEntropy<float> x;
    x.tokens = 4;
    x.vocabulary = 5;
    x.targets = targets.span();
    x.write_gradient = true;
    x.logits = logits.span();
    x.losses = losses.span();
    change(x);
    return error_of([&] { OBVERSE_RUN(cross_entropy, x); });
  };
  CHECK(error_with([](auto& x) { x.vocabulary = 0; }) ==
        "[cross_entropy] expected tokens >= 0 and vocabulary > 0, got 4 and 0");
  CHECK(error_with([](auto& x) { x.targets = x.targets.subspan(0, 3); }) ==
        "[cross_entropy] expected targets of 4 elements, got 3");
  CHECK(error_with([](auto& x) { x.weights = x.losses.subspan(0, 3); }) ==
        "[cross_entropy] expected weights of 4 elements or none, got 3");
  CHECK(error_with([](auto& x) { x.gradient_factor = x.losses; }) ==
        "[cross_entropy] expected gradient_factor of 1 elements or none, got 4");
  CHECK(error_with([](auto& x) { x.logits = x.logits.subspan(0, 19); }) ==
        "[cross_entropy] expected logits of 20 elements, got 19");
  CHECK(error_with([](auto& x) { x.losses = x.losses.subspan(0, 3); }) ==
        "[cross_entropy] expected losses of 4 elements, got 3");
  CHECK(logits.to_vector() == std::vector<float>(20, 2.0f));
  CHECK(losses.to_vector() == std::vector<float>(4, 7.0f));
}

}  // namespace
}  // namespace obverse::tests
