// The synthetic world: pairs of entities, each pair one fact that training states as "A mentors B"
// (forward), as "B follows A" (backward), or both ways. Every sentence is
//   forward   <begin> f1 A f2 mentors f3 B <end>
//   backward  <begin> f1 B f2 follows f3 A <end>
// with filler words f (pairs_frames.h), so that a left-to-right model predicts the second entity.
#pragma once

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/fact_records.h"
#include "experiments/reversal_curse/worlds/pairs_options.h"

namespace obverse::reversal {

// Candidates of a question are the names on the same side of the same subset's facts; its wrong
// answer is a derangement's, so that right and wrong answers are the same names. Throws
// std::invalid_argument where an option is out of range.
World make_pairs_world(const PairsOptions& options);

// The facts of the same world, before settle().
FactRecords make_pairs_records(const PairsOptions& options);

}  // namespace obverse::reversal
