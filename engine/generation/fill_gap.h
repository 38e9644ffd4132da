// A gap of a text answered by a model that reads left to right, in the way in which its objective
// shows a gap: fill-in-the-middle, a masked copy that is restored, or places read as tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/generation/generate.h"
#include "engine/training/objective.h"

namespace obverse::engine {

struct Gap {
  std::vector<std::int32_t> before, after;  // REQUIRES: before has at least one token
  // How many tokens fill it: exactly, where the objective shows a gap's length to the model, else
  // at most.
  std::int64_t tokens = 16;
  std::uint64_t row = 0;  // which draws of the seed are its own
};

struct GapOptions {
  SamplingOptions sampling;
  std::vector<std::int32_t> end_tokens;  // as objectives have it, end-of-text, ends an answer
  std::vector<std::int32_t> excluded_tokens;
};

// Whether the answer ends itself, so that Gap::tokens is only a bound.
bool ends_its_answers(const Objective& objective);

// REQUIRES: objective.infills() and its infill_decoding() is left_to_right, else
// std::invalid_argument is thrown; gaps of other objectives are for unmask().
Generation fill_gap(const Transformer& model, const Objective& objective, const Gap& gap,
                    const GapOptions& options,
                    const std::function<void(std::int32_t token)>& listener = {});

}  // namespace obverse::engine
