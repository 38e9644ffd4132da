// Whether a fact is stored once: what an edit in one place changes elsewhere
// (probes/kinds/edits.cpp).
//
// Rule: ways of editing count that reach 95 % of their edits. A frame shares the edited text's
// record where its index lies surely above half however the fact is edited, and has a copy of its
// own where it lies surely below; otherwise that is not told, or depends on the edit. Steps of the
// objective on the statement are told apart: of an objective that trains both directions they are
// no edit in one place.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

constexpr std::array<const char*, 7> kMethods = {"all_weights",       "direction",  "training",
                                                 "embedding",         "one_matrix", "rank_one",
                                                 "rank_one_at_answer"};
constexpr double kDone = 0.95;
const std::string kTraining = "training";

// The table's columns.
struct Measure {
  const char* name;
  const char* title;
  Shown shown;
};
constexpr std::array<Measure, 12> kMeasures = {{
    {"done", "edits that hold", Shown::share},
    {"edited.change", "change, nats", Shown::nats},
    {"unrelated.kept", "unrelated facts kept", Shown::share},
    {"unrelated_reverse.kept", "the same in reverse", Shown::share},
    {"same_entity.kept", "other facts of the name kept", Shown::share},
    {"phrasing.index", "index of other phrasings", Shown::nats},
    {"reverse.index", "index of the other direction", Shown::nats},
    {"reverse.accuracy", "new answer turned round", Shown::share},
    {"reverse.old_accuracy", "old answer turned round", Shown::share},
    {"incoherent", "contradicts itself", Shown::share},
    {"prompt_old.kept", "prompt with the old fact read", Shown::share},
    {"prompt_new.kept", "prompt with the new fact read", Shown::share},
}};

std::string metric_of(const std::string& method, const std::string& measure) {
  return "edits." + method + "." + measure;
}

std::vector<std::string> methods_that_reach(const AskedArm& arm) {
  std::vector<std::string> reached;
  for (const std::string method : kMethods) {
    if (arm.number(metric_of(method, "done")).value_or(0.0) >= kDone) reached.push_back(method);
  }
  return reached;
}

std::string two_digits(double value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.2f", std::abs(value) < 0.005 ? 0.0 : value);
  return text.data();
}

// How many there were in all runs of the counts whose names end like this.
std::string counted(const AskedArm& arm, const std::string& ending) {
  int sum = 0;
  for (const RunResult* run : arm.arm->runs) {
    const auto edits = run->probes.find("edits");
    if (edits == run->probes.end()) continue;
    for (const auto& item : edits->second.counts.items()) {
      const std::string& name = item.key();
      if (name.ends_with(ending) && item.value().is_number_integer()) {
        sum += item.value().get<int>();
      }
    }
  }
  return std::to_string(sum);
}

// "the other direction has a copy of its own (index 0.01 to 0.25)".
std::string storage_words(const AskedArm& arm, const std::vector<std::string>& methods,
                          const std::string& measure, const std::string& what) {
  std::vector<double> values;
  bool shared = true, copied = true;
  for (const std::string& method : methods) {
    const auto index = arm.estimate(metric_of(method, measure));
    if (!index || method == kTraining) continue;
    values.push_back(index->value);
    shared = shared && index->interval.low > 0.5;
    copied = copied && index->interval.high < 0.5;
  }
  if (values.empty()) {
    const bool is_asked = measure != "reverse.index" ||
                          arm.number(metric_of("all_weights", "reverse.index")).has_value() ||
                          counted(arm, "facts_not_asked_in_reverse") == "0";
    return is_asked ? "of " + what + " nothing was known before" : what + " is not asked";
  }
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const std::string number =
      " (index " + two_digits(*least) + (values.size() > 1 ? " to " + two_digits(*most) : "") + ")";
  if (shared) return what + " shares its record" + number;
  if (copied) return what + " has a copy of its own" + number;
  return "for " + what + " it is not told, or depends on the way" + number;
}

std::string training_words(const AskedArm& arm, const std::vector<std::string>& methods) {
  const auto index = arm.estimate(metric_of(kTraining, "reverse.index"));
  if (!index || std::find(methods.begin(), methods.end(), kTraining) == methods.end()) return "";
  return "; steps of training on the statement reach it by " + two_digits(index->value) + " [" +
         two_digits(index->interval.low) + ", " + two_digits(index->interval.high) + "]";
}

std::vector<Cell> row_of(const AskedArm& arm, const std::string& method) {
  std::vector<Cell> row = {text_cell(arm.label()), text_cell(words(method))};
  for (const Measure& measure : kMeasures) {
    row.push_back(estimate_cell(arm.estimate(metric_of(method, measure.name))));
  }
  return row;
}

Figure figure_of(const AskedArm& arm, const std::vector<std::string>& methods) {
  Plot plot;
  plot.title = "Normalization index, " + arm.label();
  plot.y_title = "normalization index: 0 copies, 1 one record";
  plot.unit = Unit::nats;
  std::vector<std::string> categories;
  for (const std::string& method : methods) categories.push_back(words(method));
  const auto series = [&](const char* measure, const char* label, Look look) {
    PlotSeries all{label, look, {}};
    for (std::size_t i = 0; i < methods.size(); ++i) {
      const auto point =
          point_of(arm, metric_of(methods[i], measure), static_cast<double>(i), categories[i]);
      if (point) all.points.push_back(*point);
    }
    return all;
  };
  plot.series = {series("phrasing.index", "other phrasings", Look::trained),
                 series("reverse.index", "other direction", Look::reverse)};
  return {"", arm.label(), plot_by_category(plot, categories)};
}

std::string range_words(const AskedArm& arm, const std::vector<std::string>& methods,
                        const char* measure) {
  std::vector<double> values;
  for (const std::string& method : methods) {
    if (const auto value = arm.number(metric_of(method, measure))) values.push_back(*value);
  }
  if (values.empty()) return "not asked";
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const std::string from = percent_number(*least), to = percent_number(*most);
  return (from == to ? from : from + " to " + to) + " %";
}

std::string not_asked_words(const AskedArm& arm) {
  const std::string count = counted(arm, "facts_not_asked_in_reverse");
  return count == "0" ? "" : ", of the other direction facts that are not asked there " + count;
}

std::string control_of(const AskedArm& arm, const std::vector<std::string>& methods) {
  return about(arm.label(),
               "edits that hold " + range_words(arm, methods, "done") +
                   ", answers about unrelated facts kept " +
                   range_words(arm, methods, "unrelated.kept") +
                   ", edited facts whose answers cannot all be true " +
                   range_words(arm, methods, "incoherent") + " (" + std::to_string(methods.size()) +
                   (methods.size() == 1 ? " way" : " ways") +
                   " of editing; intervals in the table). Left out: facts that were not known "
                   "before " +
                   counted(arm, "facts_unknown_before") + not_asked_words(arm) +
                   ", edits that diverged " + counted(arm, "_diverged") +
                   ", edits that did not get there " + counted(arm, "_not_reached") + ".");
}

std::optional<Answer> answer_of(const Study& study) {
  Answer answer;
  answer.table.columns = {{"arm", Shown::text}, {"edit of", Shown::text}};
  for (const Measure& measure : kMeasures) {
    answer.table.columns.push_back({measure.title, measure.shown});
  }
  ArmList arms;
  std::vector<std::string> sentences;
  for (const AskedArm& arm : study.arms) {
    if (!arm.number("edits.all_weights.done")) continue;
    arms.push_back(&arm);
    for (const std::string method : kMethods) {
      if (arm.number(metric_of(method, "done"))) answer.table.rows.push_back(row_of(arm, method));
    }
    const std::vector<std::string> methods = methods_that_reach(arm);
    if (methods.empty()) {
      sentences.push_back(
          about(arm.label(), "no way of editing holds for 95 % of facts; nothing is told."));
      continue;
    }
    sentences.push_back(about(
        arm.label(), storage_words(arm, methods, "phrasing.index", "another phrasing") + " and " +
                         storage_words(arm, methods, "reverse.index", "the other direction") +
                         training_words(arm, methods) + "."));
    Figure figure = figure_of(arm, methods);
    figure.name = "index-" + std::to_string(answer.figures.size() + 1);
    answer.figures.push_back(figure);
    answer.controls.push_back(control_of(arm, methods));
  }
  if (sentences.empty()) return std::nullopt;
  for (const std::string& line : left_out_sentences(arms, "edits")) answer.controls.push_back(line);
  answer.headline = "A fact is overwritten in one phrasing. " + joined_sentences(sentences, 6);
  answer.published = {
      "Ma et al. 2023 (BAKE), edits of large language models: 99.7 % hold as they were made, 0.26 "
      "% "
      "when they are turned round. From scratch, and by objective, nobody has measured it."};
  answer.note =
      "The index is the change of the log odds ratio of the two names and their two partners, as "
      "this frame tells it, divided by its change in the edited text. A model written by hand with "
      "one record of every fact has 0.99, one with two records 0 (obverse-reversal verify, row "
      "16). Small marks are seeds.";
  return answer;
}

}  // namespace

std::vector<QuestionSection> edits_questions() {
  return {{"edits", 100, "Is a fact stored once?", answer_of}};
}

}  // namespace obverse::reversal::report
