// What may be said of an arm: the rules, in one place. A wrong verdict is this program's worst
// defect, so a doubt of any kind gives `inconclusive`, with the reason in words.
//
// A fact stated in direction X is asked in the other direction Y. Four proportions with 95 %
// intervals are compared, all over the same measure (exact match; its chance level counts as 0):
//   trained: the same facts asked in X           reverse: asked in Y
//   both:    facts stated both ways, asked in Y  unseen:  facts never stated, asked in Y
// Infill plays no part: gaps of its kind are trained directly. Where the data hold no unseen
// facts, the forced choice among answers of the same subset, whose chance is known, is the floor.
//
// inconclusive: one of them was not asked; or trained or both is not surely above half, so that
//     facts or the format were not learned; or the upper end of unseen is not below a quarter of
//     trained, so that Y is guessable without the fact or too little was asked; or reverse is not
//     told from unseen, yet its interval reaches a quarter of trained.
// cursed: reverse is not told from unseen, is surely (upper end) below a quarter of trained, and
//     leaves no trace in the log-probabilities.
// traces: surely (upper end) below a quarter of trained, but either surely above unseen (lower end
//     above upper end), or the right answer is surely likelier than a wrong one (interval above 0,
//     and p below .01 by the t-test or the Kolmogorov-Smirnov test). The paper's own test is that:
//     an answer that is known, though another word always comes first, is no curse.
// reversed: surely above unseen and above three quarters of trained.
// partly_reversed: whatever is surely above unseen and neither traces nor reversed.
//
// Where exact match finds the facts or the format unlearned, the forced choice among same-subset
// answers is judged instead (long answers are seldom reproduced to the letter), if facts stated
// both ways were asked for it (published data), and the report names that measure. Its shares are
// counted from chance ("a quarter of trained" is a quarter of the way from chance to trained), and
// it must be surely above three quarters, not half, to count as learned.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/logprob_gain.h"
#include "experiments/reversal_curse/results.h"
#include "experiments/reversal_curse/statistics.h"

namespace obverse::reversal::report {

enum class Verdict { cursed, traces, partly_reversed, reversed, inconclusive };
enum class Doubt {
  none,
  not_asked,
  facts_unlearned,
  format_unlearned,
  floor_unclear,
  too_few_data
};
enum class Measure { exact_match, forced_choice };

inline constexpr double kLearned = 0.5;
// Choosing is easier than naming: half a success in it would be no sign of a learned fact.
inline constexpr double kLearnedByChoice = 0.75;
inline constexpr double kLittle = 0.25;
inline constexpr double kMost = 0.75;
// A bare 95 % bound would find a trace in one of forty cursed arms.
inline constexpr double kTraceP = 0.01;
// The part of the way from chance to certainty that a forced choice must surely be above.
inline constexpr double kChoiceTrace = 0.05;
// Seeds further apart than this are two outcomes, not noise around one (Kim 2025 finds such
// splits).
inline constexpr double kSeedSplit = 0.5;

const char* name_of(Verdict verdict);   // "cursed", "partly_reversed", ...
const char* words_of(Verdict verdict);  // "cursed", "partly reversed", ...
const char* words_of(Measure measure);  // "exact match", "forced choice"

struct Estimate {
  double value = 0.0;
  Interval interval;
};

struct Evidence {
  Measure measure = Measure::exact_match;
  double chance = 0.0;  // 0 for exact match
  std::optional<Estimate> trained, reverse, both, unseen;
  std::optional<LogprobGain> trained_gain, reverse_gain;
  std::optional<Estimate> reverse_choice;  // forced choice, whatever the measure
  double choice_chance = 0.0;
};

// Whether reverse_gain alone shows that something of the fact is there.
bool has_trace(const Evidence& evidence);

struct Judgement {
  Verdict verdict = Verdict::inconclusive;
  Doubt doubt = Doubt::not_asked;
  std::string reason;  // one clause with its numbers, no full stop
};

Judgement judge(const Evidence& evidence);

// The four proportions and the two gains over facts whose reverse question is asked in one of
// `asked` (indices into the directions). REQUIRES: runs are of one arm.
Evidence evidence_of(const std::vector<const RunResult*>& runs, const std::vector<int>& asked,
                     Measure measure);

struct DirectionVerdict {
  int asked = 0;  // the direction of the reverse questions
  Evidence evidence;
  Judgement judgement;
};

// An arm is judged in each direction apart: one may be learnable and the other not. Conclusive
// directions that agree give the arm's verdict. Cursed in one and traces in the other is judged
// over both together; any other disagreement is partly_reversed, and the reason says which
// direction does what.
struct ArmVerdict {
  Verdict verdict = Verdict::inconclusive;
  std::string reason;
  Evidence evidence;  // pooled over the directions that the verdict rests on
  std::vector<DirectionVerdict> directions;
  std::size_t directions_used = 0;   // how many of them were conclusive
  std::vector<double> seed_reverse;  // reverse proportion of every seed, over the same directions
  bool seeds_disagree = false;
};

ArmVerdict judge_arm(const std::vector<const RunResult*>& runs);

}  // namespace obverse::reversal::report
