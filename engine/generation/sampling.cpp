#include "engine/generation/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "kernels/core/check.h"
#include "kernels/core/math.h"
#include "kernels/core/random.h"

namespace obverse::engine {
namespace {

using kernels::require;
using kernels::Span;

// The place of the largest logit, of several the first.
std::int64_t place_of_largest(Span<const float> logits) {
  std::int64_t best = 0;
  for (std::int64_t i = 0; i < logits.size(); ++i) {
    // NaN fails every comparison.
    if (!(logits[i] < INFINITY)) {
      std::ostringstream message;
      message << "[sampling] expected logits that are numbers, got " << logits[i] << " for token "
              << i << ": the model has diverged";
      throw std::runtime_error(message.str());
    }
    if (logits[i] > logits[best]) best = i;
  }
  if (logits.empty() || logits[best] == -INFINITY) {
    throw std::runtime_error("[sampling] expected a token that may be chosen, got none of " +
                             std::to_string(logits.size()));
  }
  return best;
}

// Not divided by their sum yet; that of the likeliest token is 1.
struct Weights {
  std::vector<float> of;
  double sum = 0.0;
};

Weights weigh(Span<const float> logits, float largest, double temperature) {
  Weights weights;
  weights.of.resize(static_cast<std::size_t>(logits.size()));
  // In float's range, so that what is minus infinity stays that, and 0 stays 0.
  constexpr double kLeast = std::numeric_limits<float>::min();
  constexpr double kMost = std::numeric_limits<float>::max();
  const auto inverse = static_cast<float>(std::clamp(1.0 / temperature, kLeast, kMost));
  const float* from = logits.data();
  float* to = weights.of.data();
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < logits.size(); ++i) {
    to[i] = kernels::exp((from[i] - largest) * inverse);
    sum += static_cast<double>(to[i]);
  }
  weights.sum = sum;
  return weights;
}

// In [0, 1) with 53 bits: 24 would never draw what is rarer than 6e-8.
double uniform_of(std::uint64_t seed, const DrawName& draw) {
  const kernels::PhiloxBlock block = kernels::random_block(
      {.seed = seed, .purpose = kernels::Purpose::generation, .step = draw.row}, draw.step);
  const std::uint64_t word = static_cast<std::uint64_t>(block[0]) << 32 | block[1];
  return static_cast<double>(word >> 11) * 0x1p-53;
}

struct Kept {
  std::vector<std::int32_t> tokens;  // the likeliest first
  double sum = 0.0;                  // of their weights
};

// Tokens by falling logit, found as far as they are asked for: a vocabulary is large, and what is
// kept of it mostly small.
class Ranking {
 public:
  explicit Ranking(Span<const float> logits)
      : logits_(logits), tokens_(static_cast<std::size_t>(logits.size())) {
    std::iota(tokens_.begin(), tokens_.end(), 0);
  }
  // REQUIRES: rank < the number of tokens; called with ranks that rise by at most 1.
  std::int32_t at(std::size_t rank) {
    if (rank >= sorted_) {
      constexpr std::size_t kFirst = 64;
      const auto comes_first = [this](std::int32_t a, std::int32_t b) {
        return logits_[a] != logits_[b] ? logits_[a] > logits_[b] : a < b;
      };
      const std::size_t end = std::min(tokens_.size(), std::max(kFirst, 8 * sorted_));
      const auto begin = tokens_.begin() + static_cast<std::ptrdiff_t>(sorted_);
      const auto middle = tokens_.begin() + static_cast<std::ptrdiff_t>(end);
      std::partial_sort(begin, middle, tokens_.end(), comes_first);
      sorted_ = end;
    }
    return tokens_[rank];
  }

 private:
  Span<const float> logits_;
  std::vector<std::int32_t> tokens_;
  std::size_t sorted_ = 0;
};

Kept keep(Span<const float> logits, const Weights& weights, const SamplingOptions& options) {
  const auto vocabulary = static_cast<std::size_t>(logits.size());
  const auto weight_of = [&](std::int32_t token) {
    return static_cast<double>(weights.of[static_cast<std::size_t>(token)]);
  };
  Ranking ranking(logits);
  std::size_t most = vocabulary;
  double sum = weights.sum;  // of what top_k keeps
  if (options.top_k > 0 && static_cast<std::uint64_t>(options.top_k) < vocabulary) {
    most = static_cast<std::size_t>(options.top_k);
    sum = 0.0;
    for (std::size_t i = 0; i < most; ++i) sum += weight_of(ranking.at(i));
  }
  Kept kept;
  for (std::size_t i = 0; i < most; ++i) {
    const std::int32_t token = ranking.at(i);
    const double weight = weight_of(token);
    const bool enough = options.top_p < 1.0 && kept.sum >= options.top_p * sum;
    // The likeliest token stays whatever is asked.
    if (i > 0 && (weight == 0.0 || enough || weight < options.min_p)) break;
    kept.tokens.push_back(token);
    kept.sum += weight;
  }
  return kept;
}

bool keeps_all(const SamplingOptions& options) {
  return options.top_k <= 0 && options.top_p >= 1.0 && options.min_p <= 0.0;
}

// The token at which the weights' running sum exceeds a part of their whole. Rounding may leave the
// last ones short of it: then the last token that has a weight.
template <typename TokenAt>
std::int32_t token_reached(const Weights& weights, std::size_t count, double wanted,
                           const TokenAt& token_at) {
  double sum = 0.0;
  std::int32_t last = token_at(0);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t token = token_at(i);
    const float weight = weights.of[static_cast<std::size_t>(token)];
    if (weight == 0.0f) continue;
    last = token;
    sum += static_cast<double>(weight);
    if (sum > wanted) break;
  }
  return last;
}

}  // namespace

void SamplingOptions::validate() const {
  require(temperature > 0.0 && std::isfinite(temperature),
          "[sampling] expected a temperature above 0, got ", temperature);
  require(top_k >= 0, "[sampling] expected top_k of at least 0, got ", top_k);
  require(top_p > 0.0 && top_p <= 1.0, "[sampling] expected top_p in (0, 1], got ", top_p);
  require(min_p >= 0.0 && min_p <= 1.0, "[sampling] expected min_p in [0, 1], got ", min_p);
}

ChosenToken choose_token(Span<const float> logits, const SamplingOptions& options,
                         const DrawName& draw) {
  const std::int64_t likeliest = place_of_largest(logits);
  const float largest = logits[likeliest];
  const Weights plain = weigh(logits, largest, 1.0);
  const auto chosen = [&](std::int32_t token) {
    return ChosenToken{token, static_cast<double>(logits[token] - largest) - std::log(plain.sum)};
  };
  if (options.greedy) return chosen(static_cast<std::int32_t>(likeliest));
  const Weights weights =
      options.temperature == 1.0 ? plain : weigh(logits, largest, options.temperature);
  const double uniform = uniform_of(options.seed, draw);
  if (keeps_all(options)) {
    return chosen(token_reached(weights, weights.of.size(), uniform * weights.sum,
                                [](std::size_t i) { return static_cast<std::int32_t>(i); }));
  }
  const Kept kept = keep(logits, weights, options);
  return chosen(token_reached(weights, kept.tokens.size(), uniform * kept.sum,
                              [&](std::size_t i) { return kept.tokens[i]; }));
}

std::vector<TokenProbability> kept_tokens(Span<const float> logits,
                                          const SamplingOptions& options) {
  const std::int64_t likeliest = place_of_largest(logits);
  if (options.greedy) return {{static_cast<std::int32_t>(likeliest), 1.0}};
  const Weights weights = weigh(logits, logits[likeliest], options.temperature);
  const Kept kept = keep(logits, weights, options);
  std::vector<TokenProbability> result;
  for (const std::int32_t token : kept.tokens) {
    result.push_back(
        {token, static_cast<double>(weights.of[static_cast<std::size_t>(token)]) / kept.sum});
  }
  return result;
}

}  // namespace obverse::engine
