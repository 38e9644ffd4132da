#include "experiments/reversal_curse/probes/known_facts.h"

#include <algorithm>

#include "kernels/core/random.h"

namespace obverse::reversal {

std::vector<AnsweredFact> answered_facts(const ProbedModel& probed, std::uint64_t occasion) {
  std::vector<AnsweredFact> all;
  std::vector<AskedAnswer> asked;
  for (const FactRecord& fact : probed.records.facts) {
    if (!fact.stated[0] && !fact.stated[1]) continue;
    all.push_back({&fact, {}});
    for (const std::size_t direction : {0, 1}) {
      asked.push_back(held_out_statement(probed.records, fact, direction));
    }
  }
  const std::vector<Score> scores = score_all(probed, asked);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].answered = {scores[2 * i].greedy, scores[2 * i + 1].greedy};
  }
  kernels::RandomSequence draws({probed.settings.seed, kernels::Purpose::probes, occasion});
  draws.shuffle(all);
  return all;
}

AskedAnswer held_out_statement(const FactRecords& records, const FactRecord& fact,
                               std::size_t direction) {
  const Relation& relation = records.relations[static_cast<std::size_t>(fact.relation)];
  return ask_in(records, relation.held_out[direction], fact.names[direction],
                fact.names[1 - direction]);
}

AskedAnswer trained_statement(const FactRecords& records, const FactRecord& fact,
                              std::size_t direction, std::size_t phrasing) {
  const Relation& relation = records.relations[static_cast<std::size_t>(fact.relation)];
  return ask_in(records, relation.trained[direction][phrasing], fact.names[direction],
                fact.names[1 - direction]);
}

bool has_another_phrasing(const Relation& relation, std::size_t direction) {
  if (relation.trained[direction].empty()) return false;
  const FactPhrasing &trained = relation.trained[direction].front(),
                     &held_out = relation.held_out[direction];
  return trained.before != held_out.before || trained.between != held_out.between ||
         trained.after != held_out.after;
}

std::size_t stated_direction(const FactRecord& fact, int wanted) {
  const auto direction = static_cast<std::size_t>(wanted);
  return fact.stated[direction] ? direction : 1 - direction;
}

bool share_a_name(const FactRecord& a, const FactRecord& b) {
  return std::any_of(a.names.begin(), a.names.end(), [&b](int name) {
    return std::find(b.names.begin(), b.names.end(), name) != b.names.end();
  });
}

}  // namespace obverse::reversal
