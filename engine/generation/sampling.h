// How the next token is chosen from a model's logits. A pure function of the logits, the options
// and the names of the draw, whatever is computed beside it.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/core/span.h"

namespace obverse::engine {

// Filters apply in this order: temperature, top_k, top_p, min_p. Each that is left as it is keeps
// all tokens. Of equal logits those of lower ids come first.
struct SamplingOptions {
  bool greedy = false;       // the likeliest token; nothing below matters
  double temperature = 1.0;  // divides the logits. REQUIRES: above 0
  std::int64_t top_k = 0;    // keeps so many of the likeliest tokens; 0: all
  // Keeps the fewest of the likeliest tokens whose probabilities reach it together: nucleus
  // sampling (Holtzman et al. 2020, arXiv:1904.09751). REQUIRES: in (0, 1]
  double top_p = 1.0;
  // Keeps tokens that are at least so likely, relative to the likeliest. REQUIRES: in [0, 1]
  double min_p = 0.0;
  std::uint64_t seed = 0;

  // Throws std::invalid_argument naming the field, what was found and what was expected.
  void validate() const;
};

// Which draw of a seed it is: texts of other rows, and other tokens of one text, are independent.
struct DrawName {
  std::uint64_t row = 0, step = 0;
};

struct ChosenToken {
  std::int32_t token = 0;
  double logprob = 0.0;  // nats, of the model itself: at temperature 1, nothing left out
};

// A logit of minus infinity is never chosen. REQUIRES: the options are valid. Throws
// std::runtime_error where a logit is NaN or plus infinity, or none is finite: a model that has
// diverged.
ChosenToken choose_token(kernels::Span<const float> logits, const SamplingOptions& options,
                         const DrawName& draw);

struct TokenProbability {
  std::int32_t token = 0;
  double probability = 0.0;
};

// What choose_token draws from: the tokens that the filters keep, the likeliest first, with
// probabilities that sum to 1.
std::vector<TokenProbability> kept_tokens(kernels::Span<const float> logits,
                                          const SamplingOptions& options);

}  // namespace obverse::engine
