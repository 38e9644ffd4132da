// Families of one shape, whose relations have inverses and compose: a graph of relations in which a
// model may find the rules, where isolated pairs leave none to find (Kim et al. 2025,
// arXiv:2509.21993, who say that weight decay decides).
#pragma once

#include <cstdint>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/fact_records.h"

namespace obverse::reversal {

struct FamiliesOptions {
  int families = 60;            // of seven people
  double held_out_share = 0.3;  // of them, those whose relations are stated one way only
  double composed_share = 0.2;  // of the others: each composed relation is not stated in so many
  int templates = 3;            // training phrasings a direction; one more is held out
  int name_tokens = 1;
  int unseen_families = 4;  // whose names alone are mentioned
  std::uint64_t seed = 0;
};

// A fact is a pair of relatives. In a family whose inverses are held out, the statements follow one
// random order of its members, from earlier ones to later ones: no chain of stated facts leads
// back, so that a reverse answer can come from the inverse of its fact alone. Throws
// std::invalid_argument for parts too small to have wrong answers.
World make_families_world(const FamiliesOptions& options);

// The facts of the same world, before settle().
FactRecords make_families_records(const FamiliesOptions& options);

}  // namespace obverse::reversal
