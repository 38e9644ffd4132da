// Asks a model a world's questions: greedy exact match, log-probability of the right and of the
// drawn wrong answer, and the choice among all candidates. Nothing here depends on what the model
// was expected to answer.
#pragma once

#include <array>
#include <vector>

#include "engine/model/transformer.h"
#include "engine/training/objective.h"
#include "experiments/reversal_curse/results.h"
#include "experiments/reversal_curse/world.h"

namespace obverse::reversal {

// How much to ask: everything at the end of a run, exact match alone for a point of the learning
// curve.
enum class Thoroughness { exact_match, everything };

// Outcomes by Asked, in the order of `questions`. Infill questions are left out where the objective
// cannot fill a gap. The choice among candidates is asked for trained, reverse, expanded and
// composed questions.
std::array<std::vector<Outcome>, kAskedCount> ask(const engine::Transformer& model,
                                                  const engine::Objective& objective,
                                                  const World& world,
                                                  const std::vector<Question>& questions,
                                                  Thoroughness thoroughness);

}  // namespace obverse::reversal
