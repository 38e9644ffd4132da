// People with biographies, half of them with questions and answers in training as well (the mixed
// training of Allen-Zhu and Li 3.1, arXiv:2309.14316): whether what a biography says can be asked
// for, and whether a person can be found by it (3.2, arXiv:2309.14402).
#pragma once

#include <cstdint>

#include "experiments/reversal_curse/world.h"
#include "experiments/reversal_curse/worlds/fact_records.h"

namespace obverse::reversal {

struct BiographiesOptions {
  int people = 200;       // that have biographies; published: 100000
  int biographies = 1;    // distinct texts a person
  int visits = 5;         // texts a person in each round of training, the distinct ones in turn
  bool permuted = false;  // sentences in an order drawn for each text
  int paraphrases = 16;   // phrasings an attribute
  double questioned_share = 0.5;  // of the people, those with questions in training
  int templates = 3;              // training phrasings of questions; one more is held out
  int values = 30;                // of each attribute but the date
  int name_tokens = 1;
  int unseen_people = 20;  // whose names alone are mentioned
  std::uint64_t seed = 0;
};

// Facts are people. Throws std::invalid_argument for a part of exactly one person, which has no
// wrong answer.
World make_biographies_world(const BiographiesOptions& options);

// The facts of `world`, which was made from these options, before settle().
FactRecords make_biographies_records(const BiographiesOptions& options, const World& world);

}  // namespace obverse::reversal
