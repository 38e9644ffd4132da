#include "experiments/reversal_curse/probes/known_facts.h"

#include <algorithm>

#include "kernels/core/check.h"
#include "kernels/core/random.h"

namespace obverse::reversal {

std::vector<std::array<bool, 2>> answered(const ProbedModel& probed,
                                          const std::vector<const FactRecord*>& facts) {
  std::vector<AskedAnswer> asked;
  for (const FactRecord* fact : facts) {
    for (const std::size_t direction : {0, 1}) {
      if (fact->asked(direction)) {
        asked.push_back(held_out_statement(probed.records, *fact, direction));
      }
    }
  }
  const std::vector<Score> scores = score_all(probed, asked);
  std::vector<std::array<bool, 2>> all(facts.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    for (const std::size_t direction : {0, 1}) {
      if (facts[i]->asked(direction)) all[i][direction] = scores[next++].greedy;
    }
  }
  return all;
}

std::vector<AnsweredFact> answered_facts(const ProbedModel& probed, std::uint64_t occasion) {
  std::vector<const FactRecord*> stated;
  for (const FactRecord& fact : probed.records.facts) {
    if (fact.stated[0] || fact.stated[1]) stated.push_back(&fact);
  }
  const std::vector<std::array<bool, 2>> answers = answered(probed, stated);
  std::vector<AnsweredFact> all;
  for (std::size_t i = 0; i < stated.size(); ++i) all.push_back({stated[i], answers[i]});
  kernels::RandomSequence draws({probed.settings.seed, kernels::Purpose::probes, occasion});
  draws.shuffle(all);
  return all;
}

AskedAnswer held_out_statement(const FactRecords& records, const FactRecord& fact,
                               std::size_t direction) {
  kernels::require(fact.asked(direction),
                   "[known_facts] expected a fact that is asked in direction ", direction,
                   ", got fact ", fact.fact, ", which is not");
  return ask_in(records, records.phrasing(fact.question[direction]), fact.names[direction],
                fact.names[1 - direction]);
}

AskedAnswer trained_statement(const FactRecords& records, const FactRecord& fact,
                              std::size_t direction, std::size_t phrasing) {
  return ask_in(records, records.phrasing(fact.trained[direction].at(phrasing)),
                fact.names[direction], fact.names[1 - direction]);
}

std::optional<std::size_t> another_phrasing(const FactRecord& fact, std::size_t direction) {
  const std::vector<int>& trained = fact.trained[direction];
  const auto found = std::find_if(trained.begin(), trained.end(), [&](int phrasing) {
    return phrasing != fact.question[direction];
  });
  if (found == trained.end()) return std::nullopt;
  return static_cast<std::size_t>(found - trained.begin());
}

std::optional<std::size_t> stated_direction(const FactRecord& fact, int wanted) {
  const auto direction = static_cast<std::size_t>(wanted);
  for (const std::size_t each : {direction, 1 - direction}) {
    if (fact.stated[each] && fact.asked(each)) return each;
  }
  return std::nullopt;
}

FactKind kind_of(const ProbedModel& probed, const FactRecord& fact) {
  FactKind kind = {fact.relation};
  const bool fills_gaps = probed.objective.decoding() == engine::Decoding::unmasking;
  for (const std::size_t direction : {0, 1}) {
    kind.push_back(fact.asked(direction) ? 1 : 0);
    kind.push_back(static_cast<int>(std::min<std::size_t>(2, fact.trained[direction].size())));
    if (!fills_gaps || !fact.asked(direction)) continue;
    const AskedAnswer asked = held_out_statement(probed.records, fact, direction);
    kind.push_back(static_cast<int>(asked.subject.size()));
    kind.push_back(static_cast<int>(asked.answer.size()));
  }
  return kind;
}

bool exchangeable(const ProbedModel& probed, const FactRecord& a, const FactRecord& b) {
  if (kind_of(probed, a) != kind_of(probed, b)) return false;
  const FactRecords& records = probed.records;
  for (const std::size_t direction : {0, 1}) {
    if (!a.asked(direction)) continue;
    const auto fits = [&](const FactRecord& one, const FactRecord& other) {
      return records.fit(records.phrasing(one.question[direction]), one.names[direction],
                         other.names[1 - direction]);
    };
    if (!fits(a, b) || !fits(b, a)) return false;
  }
  return true;
}

bool share_a_name(const FactRecord& a, const FactRecord& b) {
  return std::any_of(a.names.begin(), a.names.end(), [&b](int name) {
    return std::find(b.names.begin(), b.names.end(), name) != b.names.end();
  });
}

}  // namespace obverse::reversal
