// Whether one fact is one place in the residual stream: what stands where the answer is about to be
// given, after two statements of the same fact, in other words (phrasing) or from the other side
// (direction).
//
// Per layer and pair of statements
// - similarity: cos of the two, each side's mean taken off, less the mean with other facts;
// - matching (matching.h): given a held-out fact's vector on one side, whether its partner is found
//   on the other side among the facts of its fold, by probes fitted on the other folds. A relation
//   between both sides that holds for all facts alike is what such a probe finds, be it the
//   identity, a shift, a linear map or a bilinear form.
// Controls: chance, 1 / candidates; where names differ in length, chance among those that lengths
// leave open (the answer's place tells how long the subject is, masks how long the answer is); and
// the whole procedure over pairs that are shuffled, those of
// training and of the test alike, which is at chance whatever the vectors are. Shuffling the
// training pairs alone would leave `nearest` and `difference`, which learn nothing of pairs, as
// they are.
//
// A match is no proof of one record: where the answer is about to be given stand the name that was
// read and the name that is to be said, and these are the same two from either side. With tied
// embeddings a linear map may find that much in two separate records, and where training facts have
// names in common with tested ones, as in worlds of several relations or of entities that are on
// either side, it may do so without.
#pragma once

#include <string>
#include <vector>

#include "experiments/reversal_curse/probes/asking.h"

namespace obverse::reversal {

// A statement as the model reads it, and the place whose logits are about the answer's first token.
struct AnswerSlot {
  engine::Example example;
  std::size_t place = 0;
};
AnswerSlot answer_slot(const engine::Objective& objective, const AskedAnswer& asked);

inline constexpr std::size_t kMatchingFolds = 5;
// Four candidates a fold: fewer are hardly a choice, and leave hardly anything to fit on.
inline constexpr std::size_t kFewestMatched = 4 * kMatchingFolds;

// Facts among which nothing but the fact tells one from another: of one relation, stated and asked
// alike, without a name in common on either side.
struct FactGroup {
  // Of its metrics' names behind "representation.": "", "turned." or "one_direction.". Of the last,
  // whose other direction is not asked, phrasings alone are matched.
  std::string prefix;
  std::size_t direction = 0;             // of the first statement: one that training holds
  std::vector<const FactRecord*> facts;  // kFewestMatched at least
};

// "representation.PREFIX" + "direction" (held-out statements of both directions) or "phrasing" (the
// first trained one and the held-out one) + ".layer_L." (residual stream behind block L, or
// "layer_embedding") + "similarity", or + "PROBE.accuracy", ".shuffled_accuracy", ".chance" and
// perhaps ".length_chance".
ProbeResult stream_matching(const ProbedModel& probed, const std::vector<FactGroup>& groups);

}  // namespace obverse::reversal
