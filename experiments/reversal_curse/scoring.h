// Scores of given answers in given contexts: what evaluation is made of.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/transformer.h"
#include "engine/training/objective.h"

namespace obverse::reversal {

// One answer to score: `before` + answer + `after`. Pointers, since one context is scored with many
// answers.
struct Attempt {
  const std::vector<std::int32_t>* before = nullptr;
  const std::vector<std::int32_t>* answer = nullptr;
  const std::vector<std::int32_t>* after = nullptr;
  bool infill = false;  // a gap: a left-to-right model is shown `after`, too
};

struct Score {
  double logprob =
      0.0;  // nats, summed over the answer's tokens (the end of text behind it is not counted)
  bool greedy = false;  // greedy decoding gives this answer exactly
};

// Left to right: one pass over the question with its answer, as the objective reads it. Greedy
// decoding reproduces an answer exactly when, given each correct beginning, the next correct token
// is the likeliest, so that the same pass decides exact match; where `after` is not empty its first
// token (the end of text) must be the likeliest behind the answer, or the model would have gone on.
//
// Unmasking: the answer's places are mask tokens at first. For the log-probability they are filled
// with the right tokens from left to right, one pass each: the chain rule in one fixed order. For
// exact match, every pass fills in the one place whose likeliest token has the highest probability,
// with that token. How many tokens the answer has is thus given away.
//
// `wants_greedy` false leaves Score::greedy false and saves the unmasking passes.
std::vector<Score> score(const engine::Transformer& model, const engine::Objective& objective,
                         const std::vector<Attempt>& attempts, bool wants_greedy);

}  // namespace obverse::reversal
