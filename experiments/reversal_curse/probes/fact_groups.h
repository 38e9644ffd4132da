// Facts whose names are put in each other's places: groups of them, and the phrasings in which that
// can be done.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "experiments/reversal_curse/probes/known_facts.h"

namespace obverse::reversal {

using FactList = std::vector<const FactRecord*>;

struct KnownFacts {
  FactList known;                        // answered in both directions, or in the one that is asked
  std::map<FactKind, FactList> by_kind;  // all that are asked in the direction
};
// Of the facts that training states in a direction; every one is known or counted in `counts`.
KnownFacts find_known_facts(const ProbedModel& probed, std::size_t direction,
                            nlohmann::json& counts);

// Groups of `size` facts, of a kind with fewer facts one of all, that are exchangeable() and of
// which no two have a name in common; no group below `least`. Facts that fit into none are left
// out.
std::vector<FactList> exchangeable_groups(const ProbedModel& probed, const FactList& facts,
                                          std::size_t size, std::size_t least);

// By fact and direction: its trained phrasings in which any other fact's answer could stand, one
// of the same length where gaps are filled. Where there is none, its question's.
using FittingPhrasings = std::map<const FactRecord*, std::array<std::vector<int>, 2>>;
// REQUIRES: all of one kind.
void add_fitting_phrasings(const ProbedModel& probed, const FactList& facts,
                           FittingPhrasings& phrasings);

}  // namespace obverse::reversal
