#include "experiments/reversal_curse/report/headline.h"

#include <algorithm>

#include "experiments/reversal_curse/report/arms.h"
#include "experiments/reversal_curse/report/format.h"

namespace obverse::reversal::report {
namespace {

constexpr std::size_t kMostNamed = 4;

// What every arm shares is said once, in a sentence of its own.
bool all_have_one_seed(const std::vector<JudgedArm>& arms) {
  return std::all_of(arms.begin(), arms.end(), [](const JudgedArm& arm) { return arm.seeds == 1; });
}

std::string share(const std::optional<Estimate>& estimate) {
  return estimate ? percent_with_interval(estimate->value, estimate->interval) : kMissing;
}

// Restrictions without which the numbers would claim more than they show.
std::string scope_of(const JudgedArm& arm) {
  std::vector<std::string> notes;
  if (arm.verdict.evidence.measure == Measure::forced_choice) {
    notes.push_back("by forced choice, chance " + percent(arm.verdict.evidence.chance));
  }
  if (arm.verdict.directions.size() > 1 && arm.verdict.directions_used == 1) {
    for (const DirectionVerdict& direction : arm.verdict.directions) {
      if (direction.judgement.verdict == Verdict::inconclusive) continue;
      notes.push_back("only when asked " +
                      words(arm.directions[static_cast<std::size_t>(direction.asked)]));
    }
  }
  if (arm.verdict.verdict == Verdict::traces && has_trace(arm.verdict.evidence)) {
    notes.push_back(nats(arm.verdict.evidence.reverse_gain->value) + " nats for the right answer");
  }
  if (arm.seeds == 1) notes.push_back("one seed");
  if (arm.verdict.seeds_disagree) {
    const auto [low, high] =
        std::minmax_element(arm.verdict.seed_reverse.begin(), arm.verdict.seed_reverse.end());
    notes.push_back("seeds disagree, " + percent_number(*low) + " to " + percent(*high));
  }
  std::string text;
  for (const std::string& note : notes) text += (text.empty() ? "" : "; ") + note;
  return text;
}

// "causal, k = 2 (98 % [95, 99]; one seed)".
std::string named(const JudgedArm& arm) {
  const std::string scope = scope_of(arm);
  return arm.label + " (" + share(arm.verdict.evidence.reverse) +
         (scope.empty() ? "" : "; " + scope) + ")";
}

std::string names(const std::vector<const JudgedArm*>& arms) {
  std::vector<std::string> items;
  for (const JudgedArm* arm : arms) items.push_back(named(*arm));
  return listed(items, kMostNamed);
}

// "next-token training (k = 1)": the objective is said in words, so the label is given without it.
std::string training_of(const JudgedArm& arm) {
  const std::string objective = objective_words(arm.objective);
  const std::string training = (arm.objective == "causal" ? "next-token" : objective) + " training";
  if (arm.label == objective) return training;
  const std::string lead = objective + ", ";
  const bool leads = arm.label.compare(0, lead.size(), lead) == 0;
  return training + " (" + (leads ? arm.label.substr(lead.size()) : arm.label) + ")";
}

std::string cursed_sentences(const std::vector<const JudgedArm*>& arms) {
  const auto causal = std::find_if(arms.begin(), arms.end(),
                                   [](const JudgedArm* arm) { return arm->objective == "causal"; });
  const JudgedArm& lead = causal == arms.end() ? *arms.front() : **causal;
  const Evidence& evidence = lead.verdict.evidence;
  const std::string scope = scope_of(lead);
  std::string text = "After " + training_of(lead) + ", models answer " + share(evidence.trained) +
                     " of held-out questions asked the way the fact was stated and " +
                     share(evidence.reverse) + " the other way round, though " +
                     share(evidence.both) + " of facts stated both ways are answered when asked " +
                     "so: the reversal curse" + (scope.empty() ? "" : " (" + scope + ")") + ".";
  std::vector<const JudgedArm*> others;
  for (const JudgedArm* arm : arms) {
    if (arm != &lead) others.push_back(arm);
  }
  if (!others.empty()) text += " The same holds for " + names(others) + ".";
  return text;
}

std::string inconclusive_sentence(const std::vector<const JudgedArm*>& arms) {
  std::vector<std::string> items;
  for (const JudgedArm* arm : arms) {
    // Both directions together say it in fewer words, where they are in doubt as well.
    const Judgement pooled = judge(arm->verdict.evidence);
    const bool doubtful = pooled.verdict == Verdict::inconclusive;
    items.push_back(arm->label + " (" + (doubtful ? pooled.reason : arm->verdict.reason) + ")");
  }
  return "Nothing can be concluded from " + listed(items, 2) + ".";
}

}  // namespace

std::vector<std::string> headline_of(const std::vector<JudgedArm>& judged) {
  if (judged.empty()) return {"No run has finished yet."};
  std::vector<JudgedArm> arms = judged;
  const bool one_seed = judged.size() > 1 && all_have_one_seed(judged);
  if (one_seed) {
    for (JudgedArm& arm : arms) arm.seeds = 0;
  }
  const auto of = [&arms](Verdict verdict) {
    std::vector<const JudgedArm*> found;
    for (const JudgedArm& arm : arms) {
      if (arm.verdict.verdict == verdict) found.push_back(&arm);
    }
    return found;
  };
  const auto cursed = of(Verdict::cursed), traces = of(Verdict::traces);
  const auto partly = of(Verdict::partly_reversed), reversed = of(Verdict::reversed);
  const auto inconclusive = of(Verdict::inconclusive);

  std::vector<std::string> sentences;
  if (!cursed.empty()) sentences.push_back(cursed_sentences(cursed));
  if (!reversed.empty()) {
    sentences.push_back((cursed.empty() ? "Asked the other way round, facts are answered by "
                                        : "The curse is lifted by ") +
                        names(reversed) + ".");
  }
  if (!partly.empty()) {
    sentences.push_back("Reversal is partial for " + names(partly) + ".");
  }
  if (!traces.empty()) {
    sentences.push_back(
        "Seldom answered the other way round, though something of the fact is there: " +
        names(traces) + ".");
  }
  if (!inconclusive.empty()) sentences.push_back(inconclusive_sentence(inconclusive));
  if (one_seed) {
    sentences.push_back("Every arm has one seed, so how much seeds differ is unknown.");
  }
  return sentences;
}

}  // namespace obverse::reversal::report
