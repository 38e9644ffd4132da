#include "experiments/reversal_curse/probes/fact_groups.h"

#include <algorithm>

namespace obverse::reversal {

KnownFacts find_known_facts(const ProbedModel& probed, std::size_t direction,
                            nlohmann::json& counts) {
  const auto count_one = [&counts](const char* what) { counts[what] = counts.value(what, 0) + 1; };
  KnownFacts found;
  FactList asked;
  std::size_t stated = 0, known_both = 0;
  for (const FactRecord& fact : probed.records.facts) {
    if (!fact.stated[direction]) continue;
    ++stated;
    if (!fact.asked(direction)) {
      count_one("facts_not_asked_as_stated");
      continue;
    }
    asked.push_back(&fact);
    found.by_kind[kind_of(probed, fact)].push_back(&fact);
  }
  const std::vector<std::array<bool, 2>> answers = answered(probed, asked);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!answers[i][direction]) {
      count_one("facts_unknown");
    } else if (!asked[i]->asked(1 - direction)) {
      count_one("facts_known_and_not_asked_in_reverse");
      found.known.push_back(asked[i]);
    } else if (!answers[i][1 - direction]) {
      count_one("facts_unknown_in_reverse");
    } else {
      ++known_both;
      found.known.push_back(asked[i]);
    }
  }
  counts["facts_stated"] = stated;
  counts["facts_known_both_ways"] = known_both;
  return found;
}

std::vector<FactList> exchangeable_groups(const ProbedModel& probed, const FactList& facts,
                                          std::size_t size, std::size_t least) {
  std::map<FactKind, FactList> by_kind;
  for (const FactRecord* fact : facts) by_kind[kind_of(probed, *fact)].push_back(fact);
  std::vector<FactList> groups;
  for (auto& [kind, rest] : by_kind) {
    const std::size_t wanted = std::min(size, rest.size());
    while (wanted >= least && rest.size() >= wanted) {
      FactList group, left;
      for (const FactRecord* fact : rest) {
        const bool fits =
            group.size() < wanted &&
            std::all_of(group.begin(), group.end(), [&](const FactRecord* other) {
              return !share_a_name(*fact, *other) && exchangeable(probed, *fact, *other);
            });
        (fits ? group : left).push_back(fact);
      }
      if (group.size() < least) break;
      // One that is smaller is the last of its kind.
      const bool is_whole = group.size() == wanted;
      groups.push_back(std::move(group));
      if (!is_whole) break;
      rest = std::move(left);
    }
  }
  return groups;
}

void add_fitting_phrasings(const ProbedModel& probed, const FactList& facts,
                           FittingPhrasings& phrasings) {
  const FactRecords& records = probed.records;
  const bool fills_gaps = probed.objective.decoding() == engine::Decoding::unmasking;
  for (const FactRecord* fact : facts) {
    std::array<std::vector<int>, 2>& fitting = phrasings[fact];
    for (const std::size_t direction : {0, 1}) {
      const auto length = [&](const FactRecord& of, const FactPhrasing& phrasing) {
        return records.name(of.names[1 - direction], phrasing, 1).size();
      };
      for (const int index : fact->trained[direction]) {
        const FactPhrasing& phrasing = records.phrasing(index);
        const bool fits = std::all_of(facts.begin(), facts.end(), [&](const FactRecord* each) {
          return records.fit(phrasing, fact->names[direction], each->names[1 - direction]) &&
                 (!fills_gaps || length(*each, phrasing) == length(*fact, phrasing));
        });
        if (fits) fitting[direction].push_back(index);
      }
      if (fitting[direction].empty() && fact->asked(direction)) {
        fitting[direction] = {fact->question[direction]};
      }
    }
  }
}

}  // namespace obverse::reversal
