// Which facts a trained model answers, and their statements in training's words and in others.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "experiments/reversal_curse/probes/asking.h"

namespace obverse::reversal {

struct AnsweredFact {
  const FactRecord* record = nullptr;
  std::array<bool, 2> answered{};  // the held-out question of each direction, exactly

  bool known_both() const { return answered[0] && answered[1]; }
  bool stated_both() const { return record->stated[0] && record->stated[1]; }
};

// Every fact that training states, asked both ways, in a random order that `occasion` names.
std::vector<AnsweredFact> answered_facts(const ProbedModel& probed, std::uint64_t occasion);

// A fact in the words that a direction's questions have, and in those of a trained phrasing.
AskedAnswer held_out_statement(const FactRecords& records, const FactRecord& fact,
                               std::size_t direction);
AskedAnswer trained_statement(const FactRecords& records, const FactRecord& fact,
                              std::size_t direction, std::size_t phrasing);

// Whether a direction's first trained phrasing differs from the held-out one.
bool has_another_phrasing(const Relation& relation, std::size_t direction);

// The direction in which training states a fact: of both the one asked for.
std::size_t stated_direction(const FactRecord& fact, int wanted);

bool share_a_name(const FactRecord& a, const FactRecord& b);

}  // namespace obverse::reversal
