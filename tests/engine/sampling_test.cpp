#include "engine/generation/sampling.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::choose_token;
using engine::kept_tokens;
using engine::SamplingOptions;

constexpr float kNever = -std::numeric_limits<float>::infinity();

std::vector<float> logs_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)) + 3.0f);
  return logits;
}

std::vector<std::int32_t> tokens_kept(const std::vector<float>& logits,
                                      const SamplingOptions& options) {
  std::vector<std::int32_t> tokens;
  double sum = 0.0;
  for (const auto& kept : kept_tokens(span(logits), options)) {
    tokens.push_back(kept.token);
    sum += kept.probability;
  }
  CHECK(sum == Approx(1.0).epsilon(1e-12));
  return tokens;
}

using Tokens = std::vector<std::int32_t>;

TEST_CASE("greedy sampling takes the likeliest token, of equals the first", "[sampling]") {
  SamplingOptions greedy;
  greedy.greedy = true;
  const std::vector<float> logits{1.0f, 4.0f, 2.0f, 4.0f, kNever};
  const auto chosen = choose_token(span(logits), greedy, {5, 9});
  CHECK(chosen.token == 1);
  const double sum = std::exp(-3.0) + 2.0 + std::exp(-2.0);
  CHECK(chosen.logprob == Approx(-std::log(sum)).epsilon(1e-6));
}

// Pearson's statistic of draws against probabilities.
double chi_square(const std::vector<float>& logits, const SamplingOptions& options,
                  const std::vector<double>& probabilities, bool over_rows) {
  constexpr std::uint64_t kDraws = 20000;
  std::vector<double> counts(probabilities.size());
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const auto chosen = choose_token(span(logits), options,
                                     over_rows ? engine::DrawName{i, 3} : engine::DrawName{3, i});
    counts[static_cast<std::size_t>(chosen.token)] += 1.0;
  }
  double statistic = 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * static_cast<double>(kDraws);
    if (expected == 0.0) {
      CHECK(counts[i] == 0.0);
    } else {
      statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
  }
  return statistic;
}

// What a chi-square variable of 7, 4 and 2 degrees of freedom exceeds once in a thousand times.
constexpr double kOfSeven = 24.32, kOfFour = 18.47, kOfTwo = 13.82;

TEST_CASE("sampled frequencies follow the probabilities", "[sampling]") {
  const std::vector<double> p{0.3, 0.05, 0.2, 0.1, 0.15, 0.01, 0.17, 0.02};
  const auto logits = logs_of(p);
  SamplingOptions options;
  for (const bool over_rows : {false, true}) {
    for (const std::uint64_t seed : {0, 1}) {
      options.seed = seed;
      CHECK(chi_square(logits, options, p, over_rows) < kOfSeven);
    }
  }
  // Temperature 2 takes square roots of probabilities.
  options.temperature = 2.0;
  std::vector<double> flat;
  double sum = 0.0;
  for (const double each : p) sum += std::sqrt(each);
  for (const double each : p) flat.push_back(std::sqrt(each) / sum);
  CHECK(chi_square(logits, options, flat, false) < kOfSeven);
  CHECK(chi_square(logits, options, p, false) > 10.0 * kOfSeven);
  // What is kept keeps its proportions.
  options = {};
  options.top_k = 5;
  const double kept = 0.3 + 0.2 + 0.17 + 0.15 + 0.1;
  CHECK(chi_square(logits, options,
                   {0.3 / kept, 0, 0.2 / kept, 0.1 / kept, 0.15 / kept, 0, 0.17 / kept, 0},
                   true) < kOfFour);
  options.top_k = 0;
  options.top_p = 0.6;
  CHECK(chi_square(logits, options, {0.3 / 0.67, 0, 0.2 / 0.67, 0, 0, 0, 0.17 / 0.67, 0}, false) <
        kOfTwo);
}

TEST_CASE("top-k keeps the likeliest tokens, of equals the first", "[sampling]") {
  const std::vector<float> logits{1, 3, 2, 3, 0, 2, 2};
  const auto kept = [&](std::int64_t top_k) {
    SamplingOptions options;
    options.top_k = top_k;
    return tokens_kept(logits, options);
  };
  CHECK(kept(1) == Tokens{1});
  CHECK(kept(2) == Tokens{1, 3});
  CHECK(kept(4) == Tokens{1, 3, 2, 5});
  CHECK(kept(0) == Tokens{1, 3, 2, 5, 6, 0, 4});
  CHECK(kept(100) == Tokens{1, 3, 2, 5, 6, 0, 4});
}

TEST_CASE("top-p keeps the fewest tokens that reach it", "[sampling]") {
  const auto kept = [](const std::vector<float>& logits, double top_p) {
    SamplingOptions options;
    options.top_p = top_p;
    return tokens_kept(logits, options);
  };
  const auto logits = logs_of({0.1, 0.5, 0.25, 0.15});
  CHECK(kept(logits, 0.4) == Tokens{1});
  CHECK(kept(logits, 0.499) == Tokens{1});
  CHECK(kept(logits, 0.501) == Tokens{1, 2});
  CHECK(kept(logits, 0.749) == Tokens{1, 2});
  CHECK(kept(logits, 0.751) == Tokens{1, 2, 3});
  CHECK(kept(logits, 0.901) == Tokens{1, 2, 3, 0});
  CHECK(kept(logits, 1.0) == Tokens{1, 2, 3, 0});
  CHECK(kept(logits, 1e-9) == Tokens{1});
  // Against every smaller set of a larger vocabulary: without its last token it falls short.
  const auto many = normal_values<float>(3000, 1);
  double sum = 0.0;
  for (const float logit : many) sum += std::exp(static_cast<double>(logit));
  for (const double top_p : {0.2, 0.5, 0.9, 0.99}) {
    const auto tokens = kept(many, top_p);
    double mass = 0.0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const float logit = many[static_cast<std::size_t>(tokens[i])];
      if (i > 0) CHECK(logit <= many[static_cast<std::size_t>(tokens[i - 1])]);
      if (i + 1 == tokens.size()) CHECK(mass < top_p * sum * (1.0 - 1e-6));
      mass += std::exp(static_cast<double>(logit));
    }
    CHECK(mass > top_p * sum * (1.0 - 1e-6));
    CHECK(tokens.size() > 70);
  }
}

TEST_CASE("min-p keeps what is likely beside the likeliest, and filters add up", "[sampling]") {
  const auto logits = logs_of({0.1, 0.5, 0.26, 0.14});
  SamplingOptions options;
  options.min_p = 0.25;
  CHECK(tokens_kept(logits, options) == Tokens{1, 2, 3});
  options.min_p = 1.0;
  CHECK(tokens_kept(logits, options) == Tokens{1});
  // Of the three that top_k keeps, 0.5 and 0.26 are 84 %.
  options.min_p = 0.0;
  options.top_k = 3;
  options.top_p = 0.84;
  CHECK(tokens_kept(logits, options) == Tokens{1, 2});
  options.top_k = 0;
  CHECK(tokens_kept(logits, options) == Tokens{1, 2, 3});
  // Temperature comes first: the flatter, the more it takes.
  options.temperature = 4.0;
  CHECK(tokens_kept(logits, options) == Tokens{1, 2, 3, 0});
}

TEST_CASE("a draw is named by seed, row and step", "[sampling]") {
  const auto logits = normal_values<float>(1000, 1);
  const auto draw = [&](std::uint64_t seed, std::uint64_t row, std::uint64_t step) {
    SamplingOptions options;
    options.seed = seed;
    return choose_token(span(logits), options, {row, step}).token;
  };
  CHECK(draw(1, 2, 3) == draw(1, 2, 3));
  std::map<std::int32_t, int> found;
  for (std::uint64_t i = 0; i < 10; ++i) {
    ++found[draw(i, 0, 0)];
    ++found[draw(0, i, 0)];
    ++found[draw(0, 0, i)];
  }
  CHECK(found.size() > 20);
}

TEST_CASE("what cannot be chosen never is", "[sampling]") {
  std::vector<float> logits(50, kNever);
  logits[20] = -3.0f;
  logits[30] = -3.0f;
  SamplingOptions options;
  for (std::uint64_t step = 0; step < 200; ++step) {
    for (const double temperature : {1e-300, 1.0, 1e300}) {
      options.temperature = temperature;
      options.top_p = step % 2 == 0 ? 1.0 : 0.999;
      const auto token = choose_token(span(logits), options, {0, step}).token;
      CHECK((token == 20 || token == 30));
    }
  }
  options.top_k = 10;
  CHECK(tokens_kept(logits, options) == Tokens{20, 30});
}

TEST_CASE("sampling tells logits that are no numbers", "[sampling]") {
  const auto message = [](std::vector<float> logits, bool greedy) {
    SamplingOptions options;
    options.greedy = greedy;
    try {
      choose_token(span(std::as_const(logits)), options, {});
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string("nothing thrown");
  };
  for (const bool greedy : {false, true}) {
    CHECK(message({1.0f, std::numeric_limits<float>::quiet_NaN()}, greedy) ==
          "[sampling] expected logits that are numbers, got nan for token 1: the model has "
          "diverged");
    CHECK(message({1.0f, 2.0f, std::numeric_limits<float>::infinity()}, greedy) ==
          "[sampling] expected logits that are numbers, got inf for token 2: the model has "
          "diverged");
    CHECK(message({kNever, kNever}, greedy) ==
          "[sampling] expected a token that may be chosen, got none of 2");
  }
}

TEST_CASE("sampling options say what they expected", "[sampling]") {
  const auto error = [](const auto& change) {
    SamplingOptions options;
    change(options);
    return error_of([&] { options.validate(); });
  };
  CHECK(error([](auto&) {}) == "nothing thrown");
  CHECK(error([](auto& o) { o.temperature = 0; }) ==
        "[sampling] expected a temperature above 0, got 0");
  CHECK(error([](auto& o) { o.temperature = NAN; }) ==
        "[sampling] expected a temperature above 0, got nan");
  CHECK(error([](auto& o) { o.top_k = -1; }) == "[sampling] expected top_k of at least 0, got -1");
  CHECK(error([](auto& o) { o.top_p = 0; }) == "[sampling] expected top_p in (0, 1], got 0");
  CHECK(error([](auto& o) { o.top_p = 1.5; }) == "[sampling] expected top_p in (0, 1], got 1.5");
  CHECK(error([](auto& o) { o.min_p = -0.1; }) == "[sampling] expected min_p in [0, 1], got -0.1");
}

}  // namespace
}  // namespace obverse::tests
