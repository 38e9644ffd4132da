// Whether other objectives escape the curse, and in what sense (Golovneva et al. 2024, Kitouni et
// al. 2024), and what mixtures of objectives do: arms that differ in the objective alone, its mask
// and its length of training included.
//
// Rule: an objective is named by its verdict (verdict.h), with its interval. One that fills gaps is
// said to do so without reversing where the lower end of infill is above half and the verdict is
// cursed or traces only. A mixture is compared with each of its parts trained alone by the interval
// of the difference.
#include <algorithm>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

bool is_mixture(const AskedArm& arm) {
  return arm.arm->runs.front()->objective.find('+') != std::string::npos;
}

bool is_free(const std::string& path) {
  return path == "objective" || path == "steps" || path == "architecture.mask" ||
         path == "training.curve_every";
}

std::vector<std::string> labels_by_objective(const ArmList& arms) {
  std::vector<std::string> labels;
  for (const AskedArm* arm : arms) {
    labels.push_back(objective_words(arm->arm->runs.front()->objective));
  }
  return labels;
}

std::string infill_clause(const ArmList& arms, const std::vector<std::string>& labels) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const auto infill = arms[i]->estimate("reverse.infill_accuracy");
    const Verdict verdict = arms[i]->verdict();
    const bool cursed = verdict == Verdict::cursed || verdict == Verdict::traces;
    if (infill && infill->interval.low > 0.5 && cursed) {
      items.push_back(labels[i] + " (" + shown(*infill) + ")");
    }
  }
  if (items.empty()) return "";
  return " The gap in the stated frame is filled, and the inverse frame is seldom answered, if at "
         "all, by " +
         listed(items, 4) + ".";
}

// Each mixture against its parts.
std::string parts_clause(const ArmList& arms, const std::vector<std::string>& labels) {
  std::string text;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!is_mixture(*arms[i])) continue;
    const std::string name = arms[i]->arm->runs.front()->objective;
    const auto mixed = arms[i]->estimate("reverse.accuracy");
    bool any = false;
    for (std::size_t j = 0; j < arms.size(); ++j) {
      const std::string other = arms[j]->arm->runs.front()->objective;
      if (is_mixture(*arms[j])) continue;
      const std::string padded = "+" + name;
      if (padded.find("+" + other + ":") == std::string::npos) continue;
      const auto alone = arms[j]->estimate("reverse.accuracy");
      if (!mixed || !alone) continue;
      any = true;
      const std::string words = change_words(*alone, *mixed);
      text += " Reverse of " + labels[i] + " against " + labels[j] + " alone: " +
              points_with_interval(mixed->value - alone->value, change_of(*alone, *mixed)) +
              (words == "no difference is told" ? ", no difference is told."
               : words == "rises"               ? ", better."
                                                : ", worse.");
    }
    if (!any) text += " No part of " + labels[i] + " was trained alone beside it.";
  }
  return text;
}

std::optional<Answer> answer_of(const Study& study, bool mixtures) {
  const std::vector<std::string> metrics = {"trained.accuracy",        "reverse.accuracy",
                                            "reverse.infill_accuracy", "both.accuracy",
                                            "unseen.accuracy",         "reverse.logprob_gain"};
  Answer answer;
  answer.table.columns = {{"arm", Shown::text}};
  for (const Column& column : metric_columns(metrics)) answer.table.columns.push_back(column);
  answer.table.columns.push_back({"verdict", Shown::text});
  ArmList all;
  std::vector<std::string> sentences;
  for (const Group& group : groups_by(study, is_free, [mixtures](const AskedArm& arm) {
         return arm.number("reverse.accuracy").has_value() && (mixtures || !is_mixture(arm));
       })) {
    const bool any_mixture = std::any_of(group.arms.begin(), group.arms.end(),
                                         [](const AskedArm* arm) { return is_mixture(*arm); });
    std::vector<std::string> labels = labels_by_objective(group.arms);
    // One objective trained for several lengths is another question.
    std::vector<std::string> distinct = labels;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    if (distinct.size() < 2 || (mixtures && !any_mixture)) continue;
    if (distinct.size() < labels.size()) labels = group.labels;
    for (const AskedArm* arm : group.arms) {
      std::vector<Cell> row = {text_cell(arm->label())};
      add_metric_cells(*arm, metrics, row);
      row.push_back(text_cell(words_of(arm->verdict())));
      answer.table.rows.push_back(row);
      all.push_back(arm);
    }
    sentences.push_back(about(group.label, verdict_clause(group.arms, labels) + "." +
                                               infill_clause(group.arms, labels) +
                                               (mixtures ? parts_clause(group.arms, labels) : "")));
    const std::vector<double> places = places_of(group.arms.size());
    Plot plot;
    plot.title = "Accuracy by objective" + (group.label.empty() ? "" : ", " + group.label);
    plot.y_title = "accuracy, %";
    plot.series = {
        series_of(group.arms, labels, places, "trained.accuracy", "trained", Look::trained),
        series_of(group.arms, labels, places, "reverse.accuracy", "reverse", Look::reverse),
        series_of(group.arms, labels, places, "reverse.infill_accuracy", "infill (trained)",
                  Look::third)};
    if (plot.series.back().points.empty()) plot.series.pop_back();
    answer.figures.push_back({"accuracy-" + std::to_string(answer.figures.size() + 1), group.label,
                              plot_by_category(plot, labels)});
  }
  if (sentences.empty()) return std::nullopt;
  answer.headline = joined_sentences(sentences, 3);
  answer.controls = control_sentences(all);
  if (mixtures) {
    answer.published = {"no figure is known to us for these mixtures."};
  } else {
    answer.published = {
        "Kitouni et al. 2024, as stated / reversed: retrieval, next token 100 / 0 %, masked with a "
        "uniform rate 100 / 100 %, permuted 100 / 100 %, masked at 15 % 21 / 22 %; biographies 100 "
        "/ 0, 100 / 68 and 100 / 72 %.",
        "Golovneva et al. 2024: reversal of entities or random segments lifts the curse."};
  }
  answer.note =
      "Infill asks for the gap in the stated frame, which is trained directly: no evidence of "
      "reversal. Objectives may differ in their number of steps too; the table of settings tells.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> objectives_questions() {
  return {{"objectives", 30, "Do other objectives escape it, and in what sense?",
           [](const Study& study) { return answer_of(study, false); }},
          {"mixtures", 35, "Do mixtures of objectives help?",
           [](const Study& study) { return answer_of(study, true); }}};
}

}  // namespace obverse::reversal::report
