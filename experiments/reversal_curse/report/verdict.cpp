#include "experiments/reversal_curse/report/verdict.h"

#include <algorithm>
#include <set>

#include "experiments/reversal_curse/report/format.h"

namespace obverse::reversal::report {
namespace {

std::string shown(const Estimate& estimate) {
  return percent_with_interval(estimate.value, estimate.interval);
}

// The questions of one kind that count: trained ones are asked in the direction opposite to the
// reverse ones.
std::optional<Estimate> estimate_of(const std::vector<const RunResult*>& runs, Asked asked,
                                    const std::vector<int>& directions, Measure measure) {
  std::vector<Observation> observations;
  double sum_of_means = 0.0;
  int seeds = 0;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    double sum = 0.0;
    int count = 0;
    for (const Outcome& outcome : runs[run]->outcomes[static_cast<std::size_t>(asked)]) {
      const int direction = asked == Asked::trained ? 1 - outcome.direction : outcome.direction;
      if (std::find(directions.begin(), directions.end(), direction) == directions.end()) continue;
      if (measure == Measure::forced_choice && outcome.candidates < 2) continue;
      const bool success = measure == Measure::exact_match ? outcome.correct : outcome.chosen;
      observations.push_back({static_cast<int>(run), outcome.fact, success ? 1.0 : 0.0});
      sum += success ? 1.0 : 0.0;
      ++count;
    }
    if (count == 0) continue;
    sum_of_means += sum / count;
    ++seeds;
  }
  if (seeds == 0) return std::nullopt;
  return Estimate{sum_of_means / seeds, clustered_wilson(observations, facts_of(runs))};
}

std::optional<LogprobGain> gain_of(const std::vector<const RunResult*>& runs, Asked asked,
                                   std::vector<int> directions) {
  if (asked == Asked::trained) {
    for (int& direction : directions) direction = 1 - direction;
  }
  return logprob_gain(runs, asked, directions);
}

double chance_of(const std::vector<const RunResult*>& runs, const std::vector<int>& directions) {
  double sum = 0.0;
  int count = 0;
  for (const RunResult* run : runs) {
    for (const Outcome& outcome : run->outcomes[static_cast<std::size_t>(Asked::reverse)]) {
      if (outcome.candidates < 2) continue;
      if (std::find(directions.begin(), directions.end(), outcome.direction) == directions.end()) {
        continue;
      }
      sum += 1.0 / outcome.candidates;
      ++count;
    }
  }
  return count > 0 ? sum / count : 0.0;
}

Judgement inconclusive(Doubt doubt, std::string reason) {
  return {Verdict::inconclusive, doubt, std::move(reason)};
}

bool unlearned(const Judgement& judgement) {
  return judgement.doubt == Doubt::facts_unlearned || judgement.doubt == Doubt::format_unlearned;
}

DirectionVerdict judge_direction(const std::vector<const RunResult*>& runs, int asked) {
  DirectionVerdict exact{asked, evidence_of(runs, {asked}, Measure::exact_match), {}};
  exact.judgement = judge(exact.evidence);
  if (!unlearned(exact.judgement)) return exact;
  DirectionVerdict choice{asked, evidence_of(runs, {asked}, Measure::forced_choice), {}};
  choice.judgement = judge(choice.evidence);
  return choice.judgement.verdict == Verdict::inconclusive ? exact : choice;
}

}  // namespace

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::cursed:
      return "cursed";
    case Verdict::traces:
      return "traces";
    case Verdict::partly_reversed:
      return "partly_reversed";
    case Verdict::reversed:
      return "reversed";
    case Verdict::inconclusive:
      break;
  }
  return "inconclusive";
}

const char* words_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::traces:
      return "traces only";
    case Verdict::partly_reversed:
      return "partly reversed";
    default:
      return name_of(verdict);
  }
}

const char* words_of(Measure measure) {
  return measure == Measure::exact_match ? "exact match" : "forced choice";
}

bool has_trace(const Evidence& evidence) {
  return evidence.reverse_gain && evidence.reverse_gain->interval.low > 0.0 &&
         (evidence.reverse_gain->t_p < kTraceP || evidence.reverse_gain->ks_p < kTraceP);
}

Judgement judge(const Evidence& evidence) {
  const bool has_floor = evidence.unseen || evidence.reverse_choice;
  if (!evidence.trained || !evidence.reverse || !evidence.both || !has_floor) {
    const char* missing = !evidence.trained   ? "trained"
                          : !evidence.reverse ? "reverse"
                          : !evidence.both    ? "both-ways"
                                              : "unseen";
    return inconclusive(Doubt::not_asked, std::string("no ") + missing + " questions were asked");
  }
  const double chance = evidence.chance;
  const Estimate &trained = *evidence.trained, &reverse = *evidence.reverse;
  const Estimate& both = *evidence.both;
  const double share = evidence.measure == Measure::exact_match ? kLearned : kLearnedByChoice;
  const double learned = chance + share * (1.0 - chance);
  if (trained.interval.low <= learned) {
    return inconclusive(Doubt::facts_unlearned,
                        "the trained direction itself is not surely learned: " + shown(trained));
  }
  if (both.interval.low <= learned) {
    return inconclusive(
        Doubt::format_unlearned,
        "facts stated both ways are not surely answered when asked so: " + shown(both));
  }
  // Against the trained end that makes each claim harder.
  const double little = chance + kLittle * (trained.interval.low - chance);
  const double most = chance + kMost * (trained.interval.high - chance);
  bool above_floor = false;
  std::string floor;
  if (evidence.unseen) {
    const Estimate& unseen = *evidence.unseen;
    if (unseen.interval.high >= little) {
      return inconclusive(
          Doubt::floor_unclear,
          "facts never stated are answered too, or too few were asked: " + shown(unseen));
    }
    above_floor = reverse.interval.low > unseen.interval.high;
    floor = "unseen " + shown(unseen);
  } else {
    const double least = evidence.choice_chance + kChoiceTrace * (1.0 - evidence.choice_chance);
    above_floor = evidence.reverse_choice->interval.low > least;
    floor = "a choice of " + shown(*evidence.reverse_choice) + " where chance is " +
            percent(evidence.choice_chance);
  }
  const bool surely_little = reverse.interval.high < little;
  const std::string numbers =
      "reverse " + shown(reverse) + " against trained " + shown(trained) + " and " + floor;
  if (above_floor && reverse.interval.low > most) return {Verdict::reversed, Doubt::none, numbers};
  if (above_floor && surely_little) return {Verdict::traces, Doubt::none, numbers};
  if (above_floor) return {Verdict::partly_reversed, Doubt::none, numbers};
  if (surely_little && has_trace(evidence)) {
    return {Verdict::traces, Doubt::none,
            numbers + ", yet the right answer is likelier than a wrong one by " +
                nats(evidence.reverse_gain->value) + " nats (p " +
                p_value(std::min(evidence.reverse_gain->t_p, evidence.reverse_gain->ks_p)) +
                (evidence.trained_gain ? "; trained " + nats(evidence.trained_gain->value) : "") +
                ")"};
  }
  if (surely_little) return {Verdict::cursed, Doubt::none, numbers};
  return inconclusive(Doubt::too_few_data, "too few facts or seeds to tell: " + numbers);
}

Evidence evidence_of(const std::vector<const RunResult*>& runs, const std::vector<int>& asked,
                     Measure measure) {
  Evidence evidence;
  evidence.measure = measure;
  evidence.chance = measure == Measure::forced_choice ? chance_of(runs, asked) : 0.0;
  evidence.trained = estimate_of(runs, Asked::trained, asked, measure);
  evidence.reverse = estimate_of(runs, Asked::reverse, asked, measure);
  evidence.both = estimate_of(runs, Asked::both, asked, measure);
  evidence.unseen = estimate_of(runs, Asked::unseen, asked, measure);
  evidence.reverse_choice = estimate_of(runs, Asked::reverse, asked, Measure::forced_choice);
  evidence.choice_chance = chance_of(runs, asked);
  evidence.trained_gain = gain_of(runs, Asked::trained, asked);
  evidence.reverse_gain = gain_of(runs, Asked::reverse, asked);
  return evidence;
}

ArmVerdict judge_arm(const std::vector<const RunResult*>& runs) {
  std::set<int> asked;
  for (const RunResult* run : runs) {
    for (const Outcome& outcome : run->outcomes[static_cast<std::size_t>(Asked::reverse)]) {
      asked.insert(outcome.direction);
    }
  }
  ArmVerdict arm;
  std::set<Verdict> verdicts;
  std::vector<int> exact, choice;
  for (const int direction : asked) {
    arm.directions.push_back(judge_direction(runs, direction));
    const DirectionVerdict& last = arm.directions.back();
    if (last.judgement.verdict == Verdict::inconclusive) continue;
    verdicts.insert(last.judgement.verdict);
    (last.evidence.measure == Measure::exact_match ? exact : choice).push_back(direction);
  }
  arm.directions_used = exact.size() + choice.size();
  // The stricter measure speaks for the arm where it can.
  const Measure measure =
      exact.empty() && !choice.empty() ? Measure::forced_choice : Measure::exact_match;
  std::vector<int> used = measure == Measure::forced_choice ? choice : exact;
  if (used.empty()) used.assign(asked.begin(), asked.end());
  arm.evidence = evidence_of(runs, used, measure);

  if (verdicts.size() == 1) {
    arm.verdict = *verdicts.begin();
  } else if (verdicts == std::set<Verdict>{Verdict::cursed, Verdict::traces}) {
    // Half the facts each: together they may tell what one alone does not.
    const bool together = exact.empty() || choice.empty();
    const Verdict pooled = judge(arm.evidence).verdict;
    arm.verdict = together && pooled == Verdict::cursed ? Verdict::cursed : Verdict::traces;
  } else if (verdicts.size() > 1) {
    arm.verdict = Verdict::partly_reversed;
  }
  if (arm.directions.empty()) arm.reason = judge(arm.evidence).reason;
  for (const DirectionVerdict& direction : arm.directions) {
    if (!arm.reason.empty()) arm.reason += "; ";
    if (arm.directions.size() > 1) {
      arm.reason += "asked " +
                    words(runs.front()->directions[static_cast<std::size_t>(direction.asked)]) +
                    ", " + words_of(direction.judgement.verdict) + ": ";
    }
    if (direction.evidence.measure == Measure::forced_choice) {
      arm.reason += "by forced choice (chance " + percent(direction.evidence.chance) + "), ";
    }
    arm.reason += direction.judgement.reason;
  }

  for (const RunResult* run : runs) {
    if (const auto reverse = estimate_of({run}, Asked::reverse, used, measure)) {
      arm.seed_reverse.push_back(reverse->value);
    }
  }
  if (!arm.seed_reverse.empty()) {
    const auto [low, high] = std::minmax_element(arm.seed_reverse.begin(), arm.seed_reverse.end());
    arm.seeds_disagree = *high - *low > kSeedSplit;
  }
  return arm;
}

}  // namespace obverse::reversal::report
