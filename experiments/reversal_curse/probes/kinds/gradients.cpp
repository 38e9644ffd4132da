// Gradient alignment (probes/gradient_alignment.h) of facts told apart by what training states and
// what is answered: those stated both ways and answered both ways (known_both), those stated one
// way and answered both ways (turned), and those stated one way and answered in it alone (one_way).
//
// Published: Shin et al. 2026 find the gradients of both directions aligned in masked diffusion.
#include "experiments/reversal_curse/probes/gradient_alignment.h"
#include "experiments/reversal_curse/probes/known_facts.h"

namespace obverse::reversal {
namespace {

constexpr std::uint64_t kOrder = std::uint64_t{1} << 56;

ProbeResult measure(const ProbedModel& probed, const ProbeOptions& options) {
  FactPart known_both{"known_both", {}}, turned{"turned", {}}, one_way{"one_way", {}},
      one_direction{"one_direction", {}};
  std::size_t unknown = 0, not_asked = 0;
  const std::vector<AnsweredFact> all = answered_facts(probed, kOrder);
  for (const AnsweredFact& fact : all) {
    const auto direction = stated_direction(*fact.record, options.direction);
    if (!direction) {
      ++not_asked;
    } else if (fact.known_both()) {
      (fact.stated_both() ? known_both : turned).facts.push_back(fact.record);
    } else if (!fact.answered[*direction]) {
      ++unknown;
    } else if (!fact.record->asked_both()) {
      one_direction.facts.push_back(fact.record);
    } else if (!fact.stated_both()) {
      one_way.facts.push_back(fact.record);
    } else {
      ++unknown;
    }
  }
  std::vector<FactPart> parts = {known_both, turned, one_way};
  // Worlds in which every fact is asked both ways have no such part to tell of.
  if (!one_direction.facts.empty()) parts.push_back(one_direction);
  ProbeResult result = gradient_alignment(probed, options, parts);
  if (not_asked > 0) result.counts["facts_not_asked_as_stated"] = not_asked;
  result.counts["facts_stated"] = all.size();
  result.counts["facts_unknown"] = unknown;
  return result;
}

}  // namespace

std::vector<ProbeKind> gradients_probes() {
  return {{.name = "gradients",
           .summary =
               "whether a fact's statements pull on the same weights: cosines of their gradients "
               "(Shin et al. 2026)",
           .run = measure}};
}

}  // namespace obverse::reversal
