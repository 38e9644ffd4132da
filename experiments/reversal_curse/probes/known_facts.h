// Which facts a trained model answers, and their statements in training's words and in others.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "experiments/reversal_curse/probes/asking.h"

namespace obverse::reversal {

struct AnsweredFact {
  const FactRecord* record = nullptr;
  std::array<bool, 2> answered{};  // the question of each direction, exactly; false: not asked, too

  bool known_both() const { return answered[0] && answered[1]; }
  bool stated_both() const { return record->stated[0] && record->stated[1]; }
};

// Whether the question of each direction is answered exactly; false where it is not asked.
std::vector<std::array<bool, 2>> answered(const ProbedModel& probed,
                                          const std::vector<const FactRecord*>& facts);

// Every fact that training states, asked as far as it can be, in a random order that `occasion`
// names.
std::vector<AnsweredFact> answered_facts(const ProbedModel& probed, std::uint64_t occasion);

// A fact in the words that a direction's questions have, and in those of a trained phrasing.
// REQUIRES: it is asked in the direction; it has the phrasing.
AskedAnswer held_out_statement(const FactRecords& records, const FactRecord& fact,
                               std::size_t direction);
AskedAnswer trained_statement(const FactRecords& records, const FactRecord& fact,
                              std::size_t direction, std::size_t phrasing);

// The first of a direction's trained phrasings that is not its question's.
std::optional<std::size_t> another_phrasing(const FactRecord& fact, std::size_t direction);

// The direction in which training states a fact and the world asks for it: of both the one wanted.
std::optional<std::size_t> stated_direction(const FactRecord& fact, int wanted);

// What two facts have to have in common for their names to stand in each other's places: relation,
// directions that are asked, phrasings to be read in, and of models that fill gaps the names'
// lengths, too: as many masks as an answer has tokens tell answers of other lengths from it.
using FactKind = std::vector<int>;
FactKind kind_of(const ProbedModel& probed, const FactRecord& fact);
// Whether they do: facts of one kind whose names have the forms of each other's questions.
bool exchangeable(const ProbedModel& probed, const FactRecord& a, const FactRecord& b);

bool share_a_name(const FactRecord& a, const FactRecord& b);

}  // namespace obverse::reversal
