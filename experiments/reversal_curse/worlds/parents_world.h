// Experiment 2 of Berglund et al. 2023 (arXiv:2309.12288) without its confound. The paper asks
// GPT-4 for the parents of celebrities (79 %) and for the children of those parents (33 %), of
// which nobody knows how often its training stated either. Here a model is trained from scratch on
// one direction of each pair of the same list and asked for the other.
#pragma once

#include <cstdint>
#include <filesystem>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/fact_records.h"

namespace obverse::reversal {

struct ParentsOptions {
  std::filesystem::path folder;
  double share_both = 0.5;     // of the children whose pairs are stated both ways
  double forward_share = 0.5;  // of the others: those stated child first
  int unseen_pairs = 20;       // at least so many, with names that training merely mentions
  int templates = 3;           // training frames a direction; one more is held out
  bool leave_out_shared_words = true;
  std::uint64_t seed = 0;  // of frames, of which child's pairs are stated how, of wrong answers
};

// `<begin> f1 CHILD f2 mother f3 PARENT <end>` is stated forward, `<begin> f1 PARENT f2 child f3
// CHILD <end>` backward, with fillers and held-out frames as in the pairs world. Both parents of a
// child are stated alike: otherwise half of the names that reverse questions ask for would be met
// in the very place of the answer. Every word of a name is a token.
//
// Throws std::invalid_argument, in one line that names file and line, for a list that is not what
// it should be or too short.
World make_parents_world(const ParentsOptions& options);

// The facts of the same world, before settle().
FactRecords make_parents_records(const ParentsOptions& options);

}  // namespace obverse::reversal
