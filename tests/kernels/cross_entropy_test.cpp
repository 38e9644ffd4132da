#include "kernels/cross_entropy/cross_entropy.h"

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
struct Result {
  std::vector<T> logits, losses;
};

template <typename T>
Result<T> run(std::int64_t vocabulary, const std::vector<T>& logits,
              const std::vector<std::int32_t>& targets, const std::vector<T>& weights, double scale,
              bool write_gradient, const std::vector<T>& factor = {}) {
  Result<T> result{logits, std::vector<T>(targets.size(), T(7))};
  kernels::cpu::cross_entropy<T>({.tokens = static_cast<std::int64_t>(targets.size()),
                                  .vocabulary = vocabulary,
                                  .targets = span(targets),
                                  .weights = span(weights),
                                  .gradient_scale = scale,
                                  .gradient_factor = span(factor),
                                  .write_gradient = write_gradient,
                                  .logits = span(result.logits),
                                  .losses = span(result.losses)});
  return result;
}

// Every third target ignored.
std::vector<std::int32_t> some_targets(std::int64_t tokens, std::int64_t vocabulary) {
  auto targets = random_ids(tokens, vocabulary, 5);
  for (std::size_t i = 1; i < targets.size(); i += 3) targets[i] = kernels::kIgnoredTarget;
  return targets;
}

TEMPLATE_TEST_CASE("cross_entropy equals plain loops", "[cross_entropy]", float, double) {
  using T = TestType;
  for (const auto& [tokens, vocabulary] : kTestShapes) {
    auto logits = normal_values<T>(tokens * vocabulary, 1);
    for (T& logit : logits) logit *= T(5);
    const auto targets = some_targets(tokens, vocabulary);
    const auto weights = normal_values<T>(tokens, 2);
    std::vector<double> losses, gradient;
    for (std::size_t t = 0; t < targets.size(); ++t) {
      const T* row = logits.data() + static_cast<std::int64_t>(t) * vocabulary;
      double sum = 0;
      for (std::int64_t v = 0; v < vocabulary; ++v) sum += std::exp(static_cast<double>(row[v]));
      const bool ignored = targets[t] == kernels::kIgnoredTarget;
      losses.push_back(ignored ? 0.0 : std::log(sum) - row[targets[t]]);
      for (std::int64_t v = 0; v < vocabulary; ++v) {
        const double share =
            std::exp(static_cast<double>(row[v])) / sum - (v == targets[t] ? 1.0 : 0.0);
        gradient.push_back(ignored ? 0.0 : weights[t] * 0.25 * share);
      }
    }
    const auto loss_only = run(vocabulary, logits, targets, weights, 0.25, false);
    // The logits, up to 20, are rounded once when the maximum is subtracted.
    check_close(loss_only.losses, losses, 8 * unit<T>(), 20.0, "losses");
    check_same_bits(loss_only.logits, logits, "logits without write_gradient");
    const auto both = run(vocabulary, logits, targets, weights, 0.25, true);
    check_same_bits(both.losses, loss_only.losses, "losses with write_gradient");
    check_close(both.logits, gradient, 40 * unit<T>(), 0.25, "gradient");
    const auto unweighted = run(vocabulary, logits, targets, std::vector<T>(), 0.25, true);
    const auto ones =
        run(vocabulary, logits, targets, std::vector<T>(targets.size(), T(1)), 0.25, true);
    check_same_bits(unweighted.logits, ones.logits, "gradient without weights");
    const auto halved = run(vocabulary, logits, targets, weights, 0.5, true, {T(0.5)});
    check_same_bits(halved.logits, both.logits, "gradient with a factor");
    check_same_bits(halved.losses, both.losses, "losses with a factor");
  }
}

TEST_CASE("cross_entropy's gradient equals central differences", "[cross_entropy]") {
  for (const auto& [tokens, vocabulary] : {RowsAndWidth{1, 2}, {3, 5}, {17, 33}}) {
    auto logits = normal_values<double>(tokens * vocabulary, 1);
    const auto targets = some_targets(tokens, vocabulary);
    const auto weights = normal_values<double>(tokens, 2);
    const auto loss = [&, vocabulary = vocabulary] {
      return 0.25 * dot(run(vocabulary, logits, targets, weights, 0.25, false).losses, weights);
    };
    check_gradient(logits, loss, run(vocabulary, logits, targets, weights, 0.25, true).logits,
                   "gradient");
  }
}

TEST_CASE("cross_entropy stands large logits and passes NaN on", "[cross_entropy]") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> logits(3 * 100, 1e4f);
  logits[50] = 1.0001e4f;
  logits[100 + 73] = kNan;
  for (int i = 200; i < 300; ++i) logits[static_cast<std::size_t>(i)] = kNan;
  for (const bool write_gradient : {false, true}) {
    const auto result = run<float>(100, logits, {50, 1, 2}, {}, 1.0, write_gradient);
    CHECK(result.losses[0] == Approx(std::log(1.0 + 99.0 * std::exp(-1.0))).epsilon(1e-6));
    CHECK(std::isnan(result.losses[1]));
    CHECK(std::isnan(result.losses[2]));
  }
  for (std::int64_t place = 0; place < 131; ++place) {
    std::vector<float> row(131, 0.5f);
    row[static_cast<std::size_t>(place)] = kNan;
    REQUIRE(std::isnan(run<float>(131, row, {3}, {}, 1.0, true).losses[0]));
    row[static_cast<std::size_t>(place)] =
        200.0f;  // its exponential overflows where it is not seen
    REQUIRE(run<float>(131, row, {static_cast<std::int32_t>(place)}, {}, 1.0, true).losses[0] ==
            0.0f);
  }
}

TEST_CASE("cross_entropy has the same bits with one thread and with two", "[cross_entropy]") {
  const auto logits = normal_values<float>(301 * 614, 1);
  const auto targets = some_targets(301, 614);
  const auto with = [&](int threads) {
    const WithThreads with_threads(threads);
    return run<float>(614, logits, targets, {}, 0.25, true);
  };
  const auto one = with(1), two = with(2);
  check_same_bits(two.losses, one.losses, "losses");
  check_same_bits(two.logits, one.logits, "gradient");
}

TEST_CASE("cross_entropy refuses bad targets and sizes before it writes", "[cross_entropy]") {
  std::vector<float> logits(20, 2.0f), losses(4, 7.0f), weights(3);
  std::vector<std::int32_t> targets{0, 4, -1, 5};
  kernels::CrossEntropy<float> call{.tokens = 4,
                                    .vocabulary = 5,
                                    .targets = span(std::as_const(targets)),
                                    .write_gradient = true,
                                    .logits = span(logits),
                                    .losses = span(losses)};
  const auto message = [&] { return error_of([&] { kernels::cpu::cross_entropy(call); }); };
  CHECK(message() ==
        "[cross_entropy] expected targets of -1 or from 0 to below 5, got 5 at token 3");
  targets[3] = -2;
  CHECK(message() ==
        "[cross_entropy] expected targets of -1 or from 0 to below 5, got -2 at token 3");
  CHECK(logits == std::vector<float>(20, 2.0f));
  CHECK(losses == std::vector<float>(4, 7.0f));
  targets[3] = 4;
  call.weights = span(std::as_const(weights));
  CHECK(message() == "[cross_entropy] expected weights of 4 elements or none, got 3");
  call.weights = {};
  call.gradient_factor = span(std::as_const(weights));
  CHECK(message() == "[cross_entropy] expected gradient_factor of 1 elements or none, got 3");
  call.gradient_factor = {};
  call.losses = span(weights);
  CHECK(message() == "[cross_entropy] expected losses of 4 elements, got 3");
  call.vocabulary = 0;
  CHECK(message() == "[cross_entropy] expected tokens >= 0 and vocabulary > 0, got 4 and 0");
}

}  // namespace
}  // namespace obverse::tests
