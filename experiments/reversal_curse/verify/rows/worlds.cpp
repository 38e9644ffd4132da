#include <cmath>
#include <sstream>

#include "experiments/reversal_curse/verify/row.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

// `more` surely above `less`: by `least` or more in the means, and the difference's interval above
// 0.
Measured above(const Measured& more, const Measured& less, double least) {
  Measured difference{more.what + " above " + less.what, more.value - less.value, std::nullopt,
                      false, ""};
  if (more.interval && less.interval) {
    difference.interval =
        difference_interval(more.value, *more.interval, less.value, *less.interval);
  }
  difference.holds =
      difference.value >= least && difference.interval && difference.interval->low > 0.0;
  return difference;
}

json with(json settings, const std::string& path, const json& value) {
  settings[path] = value;
  return settings;
}

// The rise is the claim. Its size depends on the number of people that a model holds: .1 to .9 at
// the paper's scale.
std::vector<Measured> paraphrases(const Evidence& evidence) {
  const json causal = {{"objective", "causal"}};
  const json one = with(causal, "world.biographies", 1),
             five = with(causal, "world.biographies", 5);
  return {above(evidence.at_least(five, "trained.accuracy", 0.0),
                evidence.at_least(one, "trained.accuracy", 0.0), 0.4),
          evidence.at_least(five, "trained.accuracy", 0.8),
          evidence.at_most(one, "reverse.accuracy", 0.02),
          evidence.at_most(five, "reverse.accuracy", 0.02)};
}

std::vector<Measured> chains(const Evidence& evidence) {
  std::vector<Measured> all;
  const json causal = {{"objective", "causal"}};
  const json reversed = {{"objective", "entity_reversed"}};
  const json without = with(reversed, "world.delimiters", "none");
  const json delimited = with(reversed, "world.delimiters", "entity");
  all.push_back(evidence.at_least(without, "wrong_inference.accuracy", 0.3));
  all.push_back(evidence.at_most(delimited, "wrong_inference.accuracy", 0.02));
  for (const char* delimiters : {"none", "entity"}) {
    all.push_back(evidence.at_most(with(causal, "world.delimiters", delimiters),
                                   "wrong_inference.accuracy", 0.02));
  }
  // Who has learned nothing infers nothing wrong.
  all.push_back(evidence.at_least(delimited, "trained.accuracy", 0.9));
  for (const char* delimiters : {"none", "entity"}) {
    all.push_back(
        evidence.at_least(with(causal, "world.delimiters", delimiters), "trained.accuracy", 0.9));
  }
  return all;
}

// Both directions as the paper asks them: each in a frame of its own, which other facts taught.
std::vector<Measured> retrieval(const Evidence& evidence) {
  std::vector<Measured> all;
  const json uniform = {{"objective", "masked_uniform"}};
  for (const char* metric : {"trained.accuracy", "reverse.accuracy"}) {
    const Measured best = evidence.at_least(uniform, metric, 0.0);
    for (const char* rate : {"masked_fixed@0.15", "masked_fixed@0.4", "masked_fixed@0.85"}) {
      all.push_back(above(best, evidence.at_least({{"objective", rate}}, metric, 0.0), 0.0));
    }
  }
  return all;
}

std::vector<Measured> relations(const Evidence& evidence) {
  return {evidence.at_least({{"objective", "causal"}}, "trained.accuracy", 0.9),
          evidence.at_most({{"objective", "causal"}}, "reverse.accuracy", 0.05),
          evidence.at_least({{"objective", "causal_masked"}}, "reverse.infill_accuracy", 0.9),
          evidence.at_most({{"objective", "causal_masked_source_kept"}}, "reverse.infill_accuracy",
                           0.05),
          evidence.at_least({{"objective", "causal_masked_source_kept"}}, "trained.accuracy", 0.9)};
}

std::vector<Measured> in_context(const Evidence& evidence) {
  const json causal = {{"objective", "causal"}};
  return {evidence.at_least(causal, "in_context.accuracy", 0.9),
          evidence.at_most(causal, "reverse.accuracy", 0.02),
          evidence.at_least(causal, "trained.accuracy", 0.9)};
}

std::vector<Measured> fractions(const Evidence& evidence) {
  std::vector<Measured> all;
  for (const json& share : evidence.values("world.share_both")) {
    const json arm = {{"world.share_both", share}};
    all.push_back(evidence.at_most(arm, "reverse.accuracy", 0.05));
    all.push_back(evidence.at_least(arm, "trained.accuracy", 0.9));
  }
  return all;
}

// The outcome is the finding, seed by seed; what is asserted is that it was measured soundly: the
// stated facts and the format are learned, and both intervals are there. Decay so strong that
// nothing is learned measures nothing, and is said so.
std::vector<Measured> families(const Evidence& evidence) {
  std::vector<Measured> all;
  for (const json& decay : evidence.values("training.weight_decay")) {
    const json arm = {{"training.weight_decay", decay}};
    Measured measured = evidence.at_least(arm, "reverse.accuracy", 0.0);
    const Measured trained = evidence.at_least(arm, "trained.accuracy", 0.9);
    const Measured both = evidence.at_least(arm, "both.accuracy", 0.9);
    std::ostringstream note;
    note.precision(3);
    note << "seeds";
    for (const RunResult* run : evidence.arm(arm)) {
      note << ' ' << metrics_of({run}).value("reverse.accuracy", std::nan(""));
    }
    const json& metrics = evidence.metrics(arm);
    note << "; trained " << trained.value << ", both " << both.value << ", composed "
         << metrics.value("composed.accuracy", std::nan(""))
         << "; reverse chosen among the family's six others "
         << metrics.value("reverse.forced_choice", std::nan(""));
    if (!trained.holds || !both.holds) note << ": not learned at this decay";
    measured.note = note.str();
    measured.holds = measured.interval.has_value() && trained.interval && both.interval;
    all.push_back(std::move(measured));
    if (decay == 0.1) {
      all.push_back(trained);
      all.push_back(both);
    }
  }
  return all;
}

VerifyRow row(int number, const char* under, const char* expected, const char* source,
              const char* preset, std::vector<Measured> (*check)(const Evidence&)) {
  return {number, under, expected, source, {preset}, {preset}, check};
}

}  // namespace

std::vector<VerifyRow> worlds_rows() {
  return {row(4, "1 -> 5 paraphrased and permuted texts on biographies, causal",
              "trained questions rise strongly (about .1 -> .9 at scale); reverse stays <= 0.02",
              "Allen-Zhu and Li 2023", "paraphrases", paraphrases),
          row(8, "chains, causal and entity-reversed",
              "without delimiter wrong inference appears; with it, gone", "Kitouni et al. 2024",
              "chains", chains),
          row(9, "retrieval, masked models",
              "uniform-rate masking beats every fixed rate in both directions",
              "Kitouni et al. 2024", "retrieval", retrieval),
          row(10, "relations",
              "next-token: reverse near 0; gap filled by NTP + masking (infill) >= 0.9, where the "
              "source is never masked -> 0",
              "arXiv:2604.04943", "relations", relations),
          row(11, "in context, causal, one premise in the prompt (copying its other name suffices)",
              "in_context.accuracy >= 0.9 where reverse.accuracy <= 0.02",
              "the premise of Berglund et al. 2023", "in_context", in_context),
          row(12, "stated-both-ways fraction 0 to .9, isolated pairs",
              "facts stated one way stay <= 0.05", "Zhu et al. 2024", "both_ways", fractions),
          row(13, "families, weight decay 0 to 3",
              "a sound measurement; the claim is bimodal and untested at this size",
              "arXiv:2509.21993", "families", families)};
}

}  // namespace obverse::reversal
