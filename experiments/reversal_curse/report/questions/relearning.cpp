// Whether facts that were unlearned in one direction are learned again sooner where the other
// direction still holds them (probes/kinds/relearning.cpp).
//
// Rule: the answer rests on the gain by agreement alone, whose interval is clustered by fact and
// seed: above 0 the other direction helps, below 0 it hinders, else nothing is told and the ends of
// the interval bound it. Steps and gains over one condition are shown, and decide nothing: the
// conditions leave the weights in other places. Where scrubbing did not do what its name says
// (facts surely unlearned: upper end below half; the other direction surely kept, or surely gone)
// nothing is said at all. A part of the gain that is there before the first step is no relearning
// and is told apart.
#include <algorithm>
#include <cmath>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

const std::string kGain = "relearning.agreement_gain", kStart = "relearning.agreement_start",
                  kPhrasing = "relearning.phrasing.agreement_gain";
const std::vector<std::string> kConditions = {"intact", "removed", "replaced"};

std::string words_of_gain(const Estimate& gain) {
  return nats_with_interval(gain.value, gain.interval) + " nats";
}

// Why the arm's numbers are not read; empty where they are.
std::string doubt_of(const AskedArm& arm) {
  for (const std::string& condition : kConditions) {
    const auto scrubbed = arm.estimate("relearning." + condition + ".scrubbed_accuracy");
    if (!scrubbed) return "what scrubbing did was not measured";
    if (scrubbed->interval.high >= 0.5) {
      return "scrubbing left facts known where the other direction was " + condition + " (" +
             shown(*scrubbed) + ")";
    }
    const auto other = arm.estimate("relearning." + condition + ".other_accuracy");
    if (!other) return "the other direction was not asked";
    const bool kept = other->interval.low > 0.5, gone = other->interval.high < 0.5;
    if (condition == "intact" ? !kept : !gone) {
      return "the other direction was not surely " + condition + " (" + shown(*other) + ")";
    }
  }
  const auto replaced = arm.estimate("relearning.replaced.derangement_accuracy");
  if (!replaced || replaced->interval.low <= 0.5) {
    return "other pairs were not surely learned in the place of the other direction" +
           (replaced ? " (" + shown(*replaced) + ")" : std::string());
  }
  return "";
}

std::string sentence_of(const AskedArm& arm) {
  if (!arm.estimate(kGain)) {
    return arm.label() + ": facts are asked in one direction alone; another phrasing of it adds " +
           words_of_gain(*arm.estimate(kPhrasing)) + ".";
  }
  const std::string doubt = doubt_of(arm);
  if (!doubt.empty()) return arm.label() + ": nothing is said; " + doubt + ".";
  const auto gain = arm.estimate(kGain), start = arm.estimate(kStart);
  std::string text = arm.label() +
                     ": pairs that the other direction holds are ahead of others by " +
                     words_of_gain(*gain) + " behind the first steps: ";
  if (gain->interval.low > 0.0) {
    text += "the other direction helps to relearn";
    if (start && start->interval.high >= gain->interval.low) {
      text +=
          ", though part of it may be there before the first step (" + words_of_gain(*start) + ")";
    }
  } else if (gain->interval.high < 0.0) {
    text += "the other direction hinders rather than helps";
  } else {
    text += "no saving is told";
  }
  const auto phrasing = arm.estimate(kPhrasing);
  if (phrasing && phrasing->interval.low > std::max(0.0, gain->interval.high)) {
    text += ", less than another phrasing of the same direction helps (" +
            words_of_gain(*phrasing) + ")";
  }
  return text + ".";
}

std::string control_of(const AskedArm& arm) {
  std::vector<std::string> steps;
  for (const std::string& condition : kConditions) {
    const auto found = arm.number("relearning." + condition + ".steps");
    if (!found) continue;
    const auto censored = arm.number("relearning." + condition + ".censored");
    steps.push_back(compact(std::round(10.0 * *found) / 10.0) + " " + condition +
                    (censored.value_or(0.0) > 0.0
                         ? " (" + percent(*censored) + " of groups stopped at the bound)"
                         : ""));
  }
  std::string text =
      arm.label() + ": steps to relearn with the other direction " + listed(steps, 3);
  const auto fresh = arm.number("relearning.fresh_on_removed.steps");
  if (fresh) text += "; pairs never known " + compact(std::round(10.0 * *fresh) / 10.0);
  const auto phrasing = arm.estimate(kPhrasing);
  if (!phrasing || phrasing->interval.low <= 0.0) {
    text += "; that the measure would tell help where there is some is not shown";
    if (phrasing) text += ": between phrasings it is " + words_of_gain(*phrasing);
  }
  const auto bystanders = arm.estimate("relearning.intact.bystander_accuracy");
  if (bystanders) text += "; of facts not touched scrubbing leaves " + shown(*bystanders);
  return text + ".";
}

std::optional<Answer> answer_of(const Study& study) {
  Answer answer;
  answer.table.columns = {{"arm", Shown::text},
                          {"gain by agreement", Shown::nats},
                          {"before the first step", Shown::nats},
                          {"the same between phrasings", Shown::nats},
                          {"gain over removed", Shown::nats},
                          {"gain over replaced", Shown::nats}};
  for (const std::string& condition : kConditions) {
    answer.table.columns.push_back({"steps, " + condition, Shown::number});
    answer.table.columns.push_back({"forward scrubbed, " + condition, Shown::share});
    answer.table.columns.push_back({"other direction, " + condition, Shown::share});
    answer.table.columns.push_back({"other direction relearned, " + condition, Shown::share});
  }
  answer.table.columns.push_back({"steps, never known", Shown::number});
  answer.table.columns.push_back({"bystanders", Shown::share});
  ArmList arms;
  std::vector<std::string> labels, sentences;
  for (const AskedArm& arm : study.arms) {
    if (!arm.estimate(kGain) && !arm.estimate(kPhrasing)) continue;
    arms.push_back(&arm);
    labels.push_back(arm.label());
    sentences.push_back(sentence_of(arm));
    if (arm.estimate(kGain)) answer.controls.push_back(control_of(arm));
    std::vector<Cell> row = {text_cell(arm.label()),
                             estimate_cell(arm.estimate(kGain)),
                             estimate_cell(arm.estimate(kStart)),
                             estimate_cell(arm.estimate(kPhrasing)),
                             estimate_cell(arm.estimate("relearning.gain_over_removed")),
                             estimate_cell(arm.estimate("relearning.gain_over_replaced"))};
    for (const std::string& condition : kConditions) {
      const std::string name = "relearning." + condition + ".";
      row.push_back(number_cell(arm.number(name + "steps")));
      for (const char* what : {"scrubbed_accuracy", "other_accuracy", "relearned_other_accuracy"}) {
        row.push_back(estimate_cell(arm.estimate(name + what)));
      }
    }
    row.push_back(number_cell(arm.number("relearning.fresh_on_removed.steps")));
    row.push_back(estimate_cell(arm.estimate("relearning.intact.bystander_accuracy")));
    answer.table.rows.push_back(row);
  }
  if (arms.empty()) return std::nullopt;
  answer.headline = joined_sentences(sentences, 3);
  for (const std::string& line : left_out_sentences(arms, "relearning")) {
    answer.controls.push_back(line);
  }
  answer.published = {
      "savings in relearning are Ebbinghaus's measure (1885); no figure for a fact's other "
      "direction "
      "is known to us."};
  const std::vector<double> places = places_of(arms.size());
  Plot gains;
  gains.title = "What the other direction adds to relearning";
  gains.y_title = "log-probability, nats";
  gains.unit = Unit::nats;
  gains.series = {
      series_of(arms, labels, places, kGain, "gain by agreement", Look::trained),
      series_of(arms, labels, places, kPhrasing, "the same between phrasings", Look::third),
      series_of(arms, labels, places, "relearning.gain_over_removed", "intact less removed",
                Look::fourth)};
  answer.figures = {{"gain", "What the other direction adds", plot_by_category(gains, labels)}};
  Plot steps;
  steps.title = "Steps until unlearned facts are known again";
  steps.y_title = "steps";
  steps.unit = Unit::nats;
  steps.series = {
      series_of(arms, labels, places, "relearning.intact.steps", "intact", Look::trained),
      series_of(arms, labels, places, "relearning.removed.steps", "removed", Look::fourth),
      series_of(arms, labels, places, "relearning.replaced.steps", "replaced", Look::third)};
  answer.figures.push_back({"steps", "Steps until known again", plot_by_category(steps, labels)});
  answer.note =
      "A group of facts is unlearned in one direction; the other one is rehearsed (intact), "
      "unlearned as well (removed) or retrained to other pairs (replaced). Gain by agreement: from "
      "intact and replaced both the true pairs and those other ones are learned; how much further "
      "each is behind the first steps where the other direction agrees with it. Between phrasings: "
      "the "
      "same with one phrasing of a direction unlearned and its others in the place of the other "
      "direction, which shows what the measure gives where a fact is stored once.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> relearning_questions() {
  return {{"relearning", 130, "Does the other direction help to relearn?", answer_of}};
}

}  // namespace obverse::reversal::report
