// Whether a hasty reader's inference, which does not follow, is drawn: chains of facts, with and
// without delimiters (Kitouni et al. 2024).
//
// Rule: drawn where the wrong answer's interval lies above that of facts never stated (the floor);
// not told apart from guessing otherwise; without a floor nothing is concluded. What a setting does
// is read from the interval of the difference between arms that differ in it alone.
#include <algorithm>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

const std::string kMetric = "wrong_inference.accuracy";

std::string sentence_of(const AskedArm& arm) {
  const auto wrong = arm.estimate(kMetric), floor = arm.estimate("unseen.accuracy");
  const std::string text = arm.label() + ": the wrong inference is drawn in " + shown(*wrong);
  if (!floor) {
    return text +
           "; facts never stated were not asked, so that guessing has no floor and nothing "
           "is concluded.";
  }
  const std::string against = text + ", facts never stated give " + shown(*floor);
  return against + (wrong->interval.low > floor->interval.high ? ": more than guessing."
                                                               : ": not told from guessing.");
}

bool is_delimiter(const std::string& path) {
  return path.find("delimiter") != std::string::npos || path.find("separat") != std::string::npos;
}

// Pairs that differ in their delimiters alone.
std::vector<std::string> delimiter_sentences(const Study& study) {
  std::vector<std::string> sentences;
  for (const Group& group : groups_by(study, is_delimiter, [](const AskedArm& arm) {
         return arm.estimate(kMetric).has_value();
       })) {
    for (std::size_t i = 1; i < group.arms.size(); ++i) {
      const auto from = group.arms[0]->estimate(kMetric), to = group.arms[i]->estimate(kMetric);
      const std::string words = change_words(*from, *to);
      sentences.push_back(about(
          group.label, group.labels[i] + " against " + group.labels[0] + ": " +
                           points_with_interval(to->value - from->value, change_of(*from, *to)) +
                           (words == "no difference is told" ? ", no difference is told."
                            : words == "falls"               ? ", fewer wrong inferences."
                                                             : ", more wrong inferences.")));
    }
  }
  return sentences;
}

std::optional<Answer> answer_of(const Study& study) {
  const std::vector<std::string> metrics = {
      kMetric,         "trained.accuracy", "reverse.accuracy", "composed.accuracy",
      "both.accuracy", "unseen.accuracy"};
  Answer answer;
  answer.table.columns = {{"arm", Shown::text}};
  for (const Column& column : metric_columns(metrics)) answer.table.columns.push_back(column);
  ArmList arms;
  std::vector<std::string> labels, sentences;
  for (const AskedArm& arm : study.arms) {
    if (!arm.estimate(kMetric)) continue;
    arms.push_back(&arm);
    labels.push_back(arm.label());
    sentences.push_back(sentence_of(arm));
    std::vector<Cell> row = {text_cell(arm.label())};
    add_metric_cells(arm, metrics, row);
    answer.table.rows.push_back(row);
  }
  if (arms.empty()) return std::nullopt;
  answer.headline = joined_sentences(sentences, 4);
  const std::vector<std::string> differences = delimiter_sentences(study);
  if (!differences.empty()) {
    answer.headline += " " + joined_sentences(differences, 3);
  } else if (arms.size() == 1) {
    answer.headline += " An arm with other delimiters to set beside it is missing.";
  }
  answer.controls = control_sentences(arms);
  answer.published = {
      "Kitouni et al. 2024: wrong inferences appear without delimiters and are gone with them (no "
      "figure is known to us)."};
  const std::vector<double> places = places_of(arms.size());
  Plot plot;
  plot.title = "Wrong inferences and the facts themselves";
  plot.y_title = "answered so, %";
  plot.series = {series_of(arms, labels, places, kMetric, "wrong inference", Look::fourth),
                 series_of(arms, labels, places, "trained.accuracy", "trained", Look::trained),
                 series_of(arms, labels, places, "unseen.accuracy", "never stated", Look::third)};
  answer.figures = {{"accuracy", "", plot_by_category(plot, labels)}};
  return answer;
}

}  // namespace

std::vector<QuestionSection> wrong_inference_questions() {
  return {{"wrong_inference", 80, "Is a wrong inference drawn?", answer_of}};
}

}  // namespace obverse::reversal::report
