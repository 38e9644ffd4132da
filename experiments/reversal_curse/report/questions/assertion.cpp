// Whether one direction of the residual stream tells truth in statements asserted, denied and
// quoted, and whether it is that of what is said to be true (probes/kinds/assertion.cpp).
//
// Rule: read at the full stop, behind the block in which probes within a frame do best, all three
// frames together (a choice that the table shows in full). Truth is told, within a frame or from
// one to another, where the interval's lower end is above one half and above the upper end of the
// same probe on shuffled labels; the direction turns round where the upper end is below one half
// and below the shuffled one's lower end. Nothing else is said of differences.
#include <algorithm>
#include <array>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

const std::array<std::string, 3> kFrames = {"plain", "denied", "quoted"};

std::string layer_name(std::int64_t layer) { return "assertion.layer_" + std::to_string(layer); }

std::string truth(const std::string& layer, const std::string& from, const std::string& to) {
  return layer + ".truth." + from + "_to_" + to + ".";
}

std::int64_t layers_of(const AskedArm& arm) {
  std::int64_t layers = 0;
  while (arm.number(truth(layer_name(layers), "plain", "plain") + "accuracy")) ++layers;
  return layers;
}

std::string best_layer(const AskedArm& arm) {
  std::string best;
  double most = -1.0;
  for (std::int64_t layer = 0; layer < layers_of(arm); ++layer) {
    double sum = 0.0;
    for (const std::string& frame : kFrames) {
      sum += arm.number(truth(layer_name(layer), frame, frame) + "accuracy").value_or(0.0);
    }
    if (sum > most) best = layer_name(layer);
    most = std::max(most, sum);
  }
  return best;
}

enum class Told { yes, turned, no };

Told told(const AskedArm& arm, const std::string& metric, const std::string& shuffled) {
  const auto found = arm.estimate(metric), control = arm.estimate(shuffled);
  if (!found || !control) return Told::no;
  if (found->interval.low > std::max(0.5, control->interval.high)) return Told::yes;
  if (found->interval.high < std::min(0.5, control->interval.low)) return Told::turned;
  return Told::no;
}

Told told_truth(const AskedArm& arm, const std::string& layer, const std::string& from,
                const std::string& to) {
  return told(arm, truth(layer, from, to) + "accuracy",
              truth(layer, from, from) + "shuffled_accuracy");
}

std::string number_of(const AskedArm& arm, const std::string& metric) {
  const auto found = arm.estimate(metric);
  return found ? shown(*found) : "not asked";
}

std::string sentence_of(const AskedArm& arm) {
  const std::string layer = best_layer(arm);
  std::vector<std::string> within, carried, turned;
  for (const std::string& from : kFrames) {
    for (const std::string& to : kFrames) {
      const Told what = told_truth(arm, layer, from, to);
      const std::string number = number_of(arm, truth(layer, from, to) + "accuracy");
      if (from == to) {
        if (what == Told::yes) within.push_back(from + " (" + number + ")");
      } else if (what == Told::yes) {
        carried.push_back(from + " to " + to + " (" + number + ")");
      } else if (what == Told::turned) {
        turned.push_back(from + " to " + to + " (" + number + ")");
      }
    }
  }
  std::string text = arm.label() + ": ";
  if (within.empty()) {
    text += "no linear direction tells truth within any of the three frames";
  } else {
    text += "truth is told within statements of the kind " + listed(within, 3);
  }
  if (!carried.empty()) text += "; it carries over from " + listed(carried, 6);
  if (!turned.empty()) text += "; it turns round from " + listed(turned, 6);
  if (!within.empty() && carried.empty() && turned.empty()) text += "; no transfer is told";
  const Told said =
      told(arm, layer + ".said_true_to_truth.accuracy", layer + ".said_true.shuffled_accuracy");
  const auto of_said = arm.estimate(layer + ".said_true_to_truth.accuracy");
  if (of_said) {
    text += std::string("; the direction of what is said to be true ") +
            (said == Told::yes      ? "tells truth, too"
             : said == Told::turned ? "tells truth the wrong way round"
                                    : "is not told to tell truth") +
            " (" + shown(*of_said) + ")";
  }
  return text + ".";
}

std::string control_of(const AskedArm& arm) {
  const std::string layer = best_layer(arm);
  std::string text =
      arm.label() + ": " + words(layer.substr(std::string("assertion.").size())) +
      "; shuffled labels " + number_of(arm, truth(layer, "plain", "plain") + "shuffled_accuracy") +
      " (plain), tokens alone " + number_of(arm, "assertion.tokens.truth.plain.accuracy") +
      ", chance 50 %; facts known " + number_of(arm, "trained.accuracy");
  const auto verdicts = arm.estimate("composed.accuracy");
  if (verdicts) text += "; held-out claims called right or wrong as they are " + shown(*verdicts);
  return text + ".";
}

void add_rows(const AskedArm& arm, DataTable& table) {
  std::vector<std::string> layers = {"assertion.embedding"};
  for (std::int64_t layer = 0; layer < layers_of(arm); ++layer) layers.push_back(layer_name(layer));
  for (const std::string& layer : layers) {
    std::vector<Cell> row = {text_cell(arm.label()),
                             text_cell(words(layer.substr(std::string("assertion.").size())))};
    for (const std::string& from : kFrames) {
      for (const std::string& to : kFrames) {
        row.push_back(estimate_cell(arm.estimate(truth(layer, from, to) + "accuracy")));
      }
      row.push_back(estimate_cell(arm.estimate(truth(layer, from, from) + "shuffled_accuracy")));
    }
    for (const char* metric : {".said_true.false_to_true.accuracy", ".said_true.quoted_as_said",
                               ".said_true_to_truth.accuracy"}) {
      row.push_back(estimate_cell(arm.estimate(layer + metric)));
    }
    table.rows.push_back(row);
  }
}

// Of each arm in its own best block.
PlotSeries best_series(const ArmList& arms, const std::string& from, const std::string& to,
                       const char* what, const std::string& label, Look look) {
  PlotSeries series{label, look, {}, false};
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const auto point = point_of(*arms[i], truth(best_layer(*arms[i]), from, to) + what,
                                static_cast<double>(i), arms[i]->label());
    if (point) series.points.push_back(*point);
  }
  return series;
}

std::optional<Answer> answer_of(const Study& study) {
  Answer answer;
  answer.table.columns = {{"arm", Shown::text}, {"stream behind", Shown::text}};
  for (const std::string& from : kFrames) {
    for (const std::string& to : kFrames) {
      answer.table.columns.push_back({from + " to " + to, Shown::share});
    }
    answer.table.columns.push_back({from + ", shuffled", Shown::share});
  }
  answer.table.columns.push_back({"said true, false to true contents", Shown::share});
  answer.table.columns.push_back({"quoted taken for said true", Shown::share});
  answer.table.columns.push_back({"said true asked for truth", Shown::share});
  ArmList arms;
  std::vector<std::string> labels, sentences;
  for (const AskedArm& arm : study.arms) {
    if (layers_of(arm) == 0) continue;
    arms.push_back(&arm);
    labels.push_back(arm.label());
    sentences.push_back(sentence_of(arm));
    answer.controls.push_back(control_of(arm));
    add_rows(arm, answer.table);
  }
  if (arms.empty()) return std::nullopt;
  answer.headline = joined_sentences(sentences, 3);
  answer.published = {
      "Marks and Tegmark 2023: large models represent the truth of plain statements linearly, and "
      "probes carry over between data sets; between statements and their negations directions of "
      "smaller models may not agree (arXiv:2310.06824)."};
  Plot plot;
  plot.title = "Truth told by a linear probe, within frames and from plain statements";
  plot.y_title = "accuracy, %";
  plot.series = {best_series(arms, "plain", "plain", "accuracy", "within plain", Look::trained),
                 best_series(arms, "plain", "denied", "accuracy", "plain to denied", Look::reverse),
                 best_series(arms, "quoted", "quoted", "accuracy", "within quoted", Look::third),
                 best_series(arms, "plain", "plain", "shuffled_accuracy", "plain, labels shuffled",
                             Look::fourth)};
  answer.figures = {
      {"accuracy", "Truth told by a linear direction", plot_by_category(plot, labels)}};
  answer.note =
      "Statements are about facts that the model knows, and were neither denied nor quoted in "
      "training; probes are asked about entities that they were not fitted to. The label is the "
      "truth of what stands in the frame: surely less than one half is a direction that has turned "
      "round. Chance is 50 %.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> assertion_questions() {
  return {{"assertion", 140, "Is truth one feature?", answer_of}};
}

}  // namespace obverse::reversal::report
