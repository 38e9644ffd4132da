// Representation probes (probes/stream_matching.h) of facts that are answered right both ways:
// those stated both ways, and with the prefix "turned." those stated one way; with the prefix
// "one_direction." those that are asked in one direction alone. Relations, and facts stated one way
// and the other, are matched apart.
//
// Published: Kim et al. 2025 (arXiv:2509.21993) find a bilinear relational structure in models that
// answer what they were not told.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "experiments/reversal_curse/probes/known_facts.h"
#include "experiments/reversal_curse/probes/stream_matching.h"

namespace obverse::reversal {
namespace {

constexpr std::uint64_t kOrder = std::uint64_t{1} << 58;
constexpr std::size_t kMost = 100;  // facts a group, or as many as are asked for

// Whether facts of one unit (World::units) have no name in common, as those of a family: of facts
// of one relation, each of another family, partners are then found by who knows which names go
// together, without any fact.
bool tell_of_one_another(const ProbedModel& probed) {
  if (probed.world.units.empty()) return false;
  std::map<int, const FactRecord*> first;  // by unit
  return std::any_of(probed.records.facts.begin(), probed.records.facts.end(),
                     [&](const FactRecord& fact) {
                       const int unit = probed.world.units.at(static_cast<std::size_t>(fact.fact));
                       return !share_a_name(*first.try_emplace(unit, &fact).first->second, fact);
                     });
}

ProbeResult measure(const ProbedModel& probed, const ProbeOptions& options) {
  if (tell_of_one_another(probed)) {
    ProbeResult nothing;
    nothing.counts["nothing_measured"] =
        "left out: facts come in units, as families are, and to know the unit is enough for a "
        "match";
    return nothing;
  }
  const std::vector<AnsweredFact> all = answered_facts(probed, kOrder);
  using Alike = std::tuple<int, bool, bool, bool, bool>;
  std::map<Alike, FactGroup> groups;
  std::map<Alike, std::set<std::pair<std::size_t, int>>> taken;  // names, by side
  std::size_t unknown = 0, in_small_groups = 0, beyond_most = 0, not_asked = 0, shared = 0;
  for (const AnsweredFact& fact : all) {
    const FactRecord& record = *fact.record;
    const auto direction = stated_direction(record, options.direction);
    if (!direction) {
      ++not_asked;
      continue;
    }
    if (record.asked_both() ? !fact.known_both() : !fact.answered[*direction]) {
      ++unknown;
      continue;
    }
    const Alike alike = {record.relation, record.stated[0], record.stated[1], record.asked(0),
                         record.asked(1)};
    // Two facts with a name in common are not told apart by what may be that name alone.
    std::set<std::pair<std::size_t, int>>& names = taken[alike];
    if (names.count({0, record.names[0]}) + names.count({1, record.names[1]}) > 0) {
      ++shared;
      continue;
    }
    for (const std::size_t side : {0, 1}) names.insert({side, record.names[side]});
    FactGroup& group = groups[alike];
    group.prefix = !record.asked_both() ? "one_direction." : fact.stated_both() ? "" : "turned.";
    group.direction = *direction;
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
  if (not_asked > 0) result.counts["facts_not_asked_as_stated"] = not_asked;
  if (shared > 0) result.counts["facts_with_a_name_of_another"] = shared;
  if (measured.empty()) {
    result.counts["nothing_measured"] =
        "no group of " + std::to_string(kFewestMatched) +
        " facts of a relation, stated alike, is answered right as far as they are asked";
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
