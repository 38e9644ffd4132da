// Statements that are asserted, denied and quoted: every entity has one value of each relation, and
//   plain   <begin> in_fact f1 ENTITY f2 relation f3 VALUE . <end>
//   denied  <begin> it_is_false_that f1 ENTITY ... VALUE . <end>
//   quoted  <begin> the_text_claims_that f1 ENTITY ... VALUE . <end>
// with filler words f (pairs_frames.h) and an opening of one word each, so that no place in a text
// tells its frame. Plain statements are true and denied ones hold what is
// false. A quoted one may hold either, and what it holds is told by the plain statements alone;
// where `verdicts` is above 0, that part of them goes on behind the full stop with "rightly" or
// "wrongly", so that a model has a reason to tell.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "experiments/reversal_curse/world.h"

namespace obverse::reversal {

enum class StatementFrame { plain, denied, quoted };

// A statement in the held-out phrasing about a fact that training asserts. Training neither denies
// nor quotes it, in any phrasing.
struct HeldOutStatement {
  int fact = 0, entity = 0;
  int block = 0;       // of entities, in all relations
  bool holds = false;  // whether what stands in the frame is true
  StatementFrame frame = StatementFrame::plain;
  engine::Document document;  // its entities: the entity and the value; then a full stop
};

// Options as worlds/kinds/assertions.cpp has them, complete.
World make_assertions_world(const nlohmann::json& options, std::uint64_t seed);

// The same world's held-out statements: of each of its held-out facts the true one and a false one,
// in all three frames. Entities come in blocks of as many as a relation has values, and of the
// held-out facts of a block and a relation each value is the true one once and the false one once.
// So neither entity nor value tells the truth, in whole blocks exactly.
std::vector<HeldOutStatement> held_out_statements(const nlohmann::json& options,
                                                  std::uint64_t seed);

}  // namespace obverse::reversal
