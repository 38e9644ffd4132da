// Demonstrations: texts of the pairs world that state throw-away facts and use one of them in the
// other direction,
//   <begin> f1 A f2 mentors f3 B  f1 C f2 mentors f3 D  f1 B f2 follows f3 A <end>
// They teach the format of a question whose premise is in its prompt, and to copy names.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/data/document.h"
#include "experiments/reversal_curse/worlds/pairs_sentences.h"
#include "kernels/core/random.h"

namespace obverse::reversal {

// What throw-away facts are made of.
struct DemonstratedNames {
  std::vector<Name> names;
  std::int32_t first_relation = 0;  // forward's token; backward's is behind it
  // Whether names 2i and 2i + 1 are a fact of the world, which no demonstration then joins.
  bool holds_facts = false;
};

// `rounds` texts a name, in each of which the name is what the conclusion ends with. In each round
// every name has another partner, is stated once on either side, and asked in a direction drawn by
// chance; frames are trained ones. `premises` facts are stated, in random order, and one of them is
// used. REQUIRES: at least 4 names, premises of 1 to 2.
std::vector<engine::Document> draw_demonstrations(const DemonstratedNames& demonstrated, int rounds,
                                                  int premises,
                                                  const std::array<DirectionFrames, 2>& frames,
                                                  kernels::RandomSequence& draws);

// One of the trained frames, each equally likely.
const Frame& draw_trained(const DirectionFrames& frames, kernels::RandomSequence& draws);

}  // namespace obverse::reversal
