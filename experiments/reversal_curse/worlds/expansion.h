// Expansion, an option of every world: a fact stated one way only enters training together with
// some of its logical neighbours (paraphrases, its inverse, what follows from it and others), so
// that one can ask how much of that buys how much generalization, for the facts that were expanded
// and for those that were not.
#pragma once

#include <cstdint>
#include <vector>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {

// "expanded_facts", the share of one-way facts that are expanded; "expansion", the share of each
// one's neighbours that training gets; "expansion_of", which kind of neighbours.
std::vector<WorldOption> expansion_options();

// Moves neighbours of drawn facts into the documents. Trained and reverse questions of these facts
// become expanded_trained and expanded_reverse ones, and their infill, in-context and
// wrong-inference questions go.
// Expanded facts and the others then choose each among their own answers, with wrong ones drawn
// anew; a fact alone in that is not asked. Facts without a neighbour of the kind asked for are
// never drawn. A share of neighbours above 0 brings at least one.
void expand_world(World& world, const nlohmann::json& options, std::uint64_t seed);

}  // namespace obverse::reversal
