// A model whose facts are stored once by construction: what the normalization index must find to be
// 1, or it means nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "experiments/reversal_curse/probes/probe.h"

namespace obverse::reversal {

// A transformer of one block whose weights are written, not trained. Its one table of embeddings
// gives the two names of a fact one random vector, the fact's record, and opposite roles. At the
// answer slot attention copies the vector of the one name that it has read, its role turned round,
// and the tied head finds the name whose vector is like that: "A mentors" and "B follows" are
// answered from the same two rows, whichever is asked.
class LookupControl {
 public:
  // Without `one_table` the head has a copy of the table of its own: two records of every fact, one
  // for each role of a name. REQUIRES: facts from 2 on.
  LookupControl(int facts, std::uint64_t seed, bool one_table = true);
  ~LookupControl();

  const ProbedModel& probed() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace obverse::reversal
