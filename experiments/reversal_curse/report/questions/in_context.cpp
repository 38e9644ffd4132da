// Whether a fact in the prompt is reversed where the same fact in the weights is not (the premise
// of Berglund et al. 2023).
//
// Rule: both numbers come from the same models and facts, so that they may go up and down together;
// in context is called better only where the two 95 % intervals do not meet, which holds whatever
// the dependence. Reversal in context needs a lower end above half, and above what copying any
// stated fact's other name gives: 1 of the number of premises. With one premise copying always
// suffices, so that reversal is not claimed.
#include <algorithm>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

std::string sentence_of(const AskedArm& arm) {
  const auto in = arm.estimate("in_context.accuracy"), out = arm.estimate("reverse.accuracy");
  if (!out) return arm.label() + ": in context " + shown(*in) + "; out of context was not asked.";
  const std::string numbers = "in context " + shown(*in) +
                              " of the reverse questions are answered, out of context " +
                              shown(*out) + " of the same facts'";
  std::string meaning = "no difference is told";
  if (in->interval.low > out->interval.high) {
    const double premises = arm.setting_number("world.premises").value_or(1.0);
    meaning = "in context is better, yet not surely above half";
    if (in->interval.low > 0.5 && premises > 1.0) {
      meaning =
          "the fact in the prompt is reversed, and not by copying any of the names stated there; "
          "the same fact in the weights answers less often";
    } else if (in->interval.low > 0.5) {
      meaning =
          "the fact in the prompt is used, the same fact in the weights answers less often; the "
          "prompt states one fact, so that copying its other name suffices";
    } else if (premises > 1.0 && in->interval.low <= 1.0 / premises) {
      meaning = "in context is better, yet not told from copying a name of any of the " +
                compact(premises) + " facts stated there";
    }
  } else if (out->interval.low > in->interval.high) {
    meaning = "out of context is better";
  }
  return arm.label() + ": " + numbers + ": " + meaning + ".";
}

std::optional<Answer> answer_of(const Study& study) {
  Answer answer;
  ArmList arms;
  std::vector<std::string> labels, sentences;
  const std::vector<std::string> metrics = {"in_context.accuracy", "reverse.accuracy",
                                            "trained.accuracy", "both.accuracy", "unseen.accuracy"};
  answer.table.columns = {{"arm", Shown::text}};
  for (const Column& column : metric_columns(metrics)) answer.table.columns.push_back(column);
  int asked = 0, better = 0;
  for (const AskedArm& arm : study.arms) {
    const auto in = arm.estimate("in_context.accuracy"), out = arm.estimate("reverse.accuracy");
    if (!in) continue;
    arms.push_back(&arm);
    labels.push_back(arm.label());
    sentences.push_back(sentence_of(arm));
    std::vector<Cell> row = {text_cell(arm.label())};
    add_metric_cells(arm, metrics, row);
    answer.table.rows.push_back(row);
    asked += out ? 1 : 0;
    better += out && in->interval.low > out->interval.high ? 1 : 0;
  }
  if (arms.empty()) return std::nullopt;
  if (asked > 1) {
    answer.headline = "In " + std::to_string(better) + " of " + std::to_string(asked) +
                      " arms more is answered in context than out of it. ";
  }
  answer.headline += joined_sentences(sentences, 3);
  answer.controls = control_sentences(arms);
  answer.published = {
      "Berglund et al. 2023: out of context 96.7 % as stated and 0.1 % reversed (description to "
      "name); that the same models reverse a fact in their prompt is the paper's premise."};
  const std::vector<double> places = places_of(arms.size());
  Plot plot;
  plot.title = "Reverse questions in context and out of it";
  plot.y_title = "accuracy, %";
  plot.series = {
      series_of(arms, labels, places, "in_context.accuracy", "reverse, in context", Look::third),
      series_of(arms, labels, places, "reverse.accuracy", "reverse, no context", Look::reverse)};
  answer.figures = {{"accuracy", "", plot_by_category(plot, labels)}};
  answer.note =
      "In context: the fact stands in the prompt, as stated; the question about it is the one that "
      "is asked without it too.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> in_context_questions() {
  return {{"in_context", 20, "Is in-context inference different?", answer_of}};
}

}  // namespace obverse::reversal::report
