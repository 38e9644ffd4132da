// Representation probes (probes/stream_matching.h) of facts that are answered right both ways:
// those stated both ways, and with the prefix "turned." those stated one way. Relations, and facts
// stated one way and the other, are matched apart.
//
// Published: Kim et al. 2025 (arXiv:2509.21993) find a bilinear relational structure in models that
// answer what they were not told.
#include <algorithm>
#include <map>
#include <tuple>

#include "experiments/reversal_curse/probes/known_facts.h"
#include "experiments/reversal_curse/probes/stream_matching.h"

namespace obverse::reversal {
namespace {

constexpr std::uint64_t kOrder = std::uint64_t{1} << 58;
constexpr std::size_t kMost = 100;  // facts a group, or as many as are asked for

ProbeResult measure(const ProbedModel& probed, const ProbeOptions& options) {
  const std::vector<AnsweredFact> all = answered_facts(probed, kOrder);
  std::map<std::tuple<int, bool, bool>, FactGroup> groups;
  std::size_t unknown = 0, in_small_groups = 0, beyond_most = 0;
  for (const AnsweredFact& fact : all) {
    if (!fact.known_both()) {
      ++unknown;
      continue;
    }
    const FactRecord& record = *fact.record;
    FactGroup& group = groups[{record.relation, record.stated[0], record.stated[1]}];
    group.prefix = fact.stated_both() ? "" : "turned.";
    group.direction = stated_direction(record, options.direction);
    group.facts.push_back(&record);
  }
  const std::size_t most = std::max(kMost, static_cast<std::size_t>(std::max(options.facts, 0)));
  std::vector<FactGroup> measured;
  for (auto& [key, group] : groups) {
    if (group.facts.size() < kFewestMatched) {
      in_small_groups += group.facts.size();
      continue;
    }
    if (group.facts.size() > most) {
      beyond_most += group.facts.size() - most;
      group.facts.resize(most);
    }
    measured.push_back(std::move(group));
  }
  ProbeResult result = stream_matching(probed, measured);
  result.counts["facts_stated"] = all.size();
  result.counts["facts_not_known_both_ways"] = unknown;
  result.counts["facts_beyond_the_most"] = beyond_most;
  result.counts["facts_in_small_groups"] = in_small_groups;
  if (measured.empty()) {
    result.counts["nothing_measured"] =
        "no group of " + std::to_string(kFewestMatched) +
        " facts of a relation, stated alike, is answered right both ways";
  }
  return result;
}

}  // namespace

std::vector<ProbeKind> representation_probes() {
  return {{.name = "representation",
           .summary =
               "whether a fact's statements meet in the residual stream: matched across phrasings "
               "and directions (Kim et al. 2025)",
           .run = measure}};
}

}  // namespace obverse::reversal
