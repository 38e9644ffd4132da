// What several questions' sections need: groups of arms that differ in one thing, sentences about
// controls, rows and points of an arm.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/report/plot.h"
#include "experiments/reversal_curse/report/question.h"

namespace obverse::reversal::report {

using ArmList = std::vector<const AskedArm*>;

struct Group {
  std::string label;                // what sets it apart from other groups; may be empty
  ArmList arms;                     // two at least
  std::vector<std::string> labels;  // theirs within the group
};

// Groups of arms that are equal but for settings for which `free` holds, and what follows from
// settings (is_derived); only those of two arms or more.
std::vector<Group> groups_by(const Study& study,
                             const std::function<bool(const std::string& path)>& free,
                             const std::function<bool(const AskedArm& arm)>& wanted);

// "A sentence" -> with "label: " before it, where there is a label.
std::string about(const std::string& label, const std::string& sentence);
std::string joined_sentences(const std::vector<std::string>& sentences, std::size_t most);
std::string shown(const Estimate& estimate);  // "98 % [95, 99]"

// The arms' controls in numbers, and what is missing of them: facts learned, format learned, floor,
// seeds.
std::vector<std::string> control_sentences(const ArmList& arms);

// What a probe left out of the arms' worlds, a sentence for each world: "Left out in biographies:
// ...".
std::vector<std::string> left_out_sentences(const ArmList& arms, const std::string& probe);

// Arms' labels by verdict as one clause: "cursed: A and B; reversed: C".
std::string verdict_clause(const ArmList& arms, const std::vector<std::string>& labels);

// "rises", "falls" or "no difference is told" of b - a, by the interval of the difference alone.
std::string change_words(const Estimate& from, const Estimate& to);
Interval change_of(const Estimate& from, const Estimate& to);

Cell text_cell(const std::string& text);
Cell number_cell(const std::optional<double>& value);
Cell estimate_cell(const std::optional<Estimate>& estimate);

// "trained.accuracy", "reverse.accuracy", ... as columns and cells.
std::vector<Column> metric_columns(const std::vector<std::string>& metrics);
void add_metric_cells(const AskedArm& arm, const std::vector<std::string>& metrics,
                      std::vector<Cell>& row);
inline const std::vector<std::string>& usual_metrics() {
  static const std::vector<std::string> kMetrics = {"trained.accuracy", "reverse.accuracy",
                                                    "both.accuracy", "unseen.accuracy",
                                                    "reverse.logprob_gain"};
  return kMetrics;
}

// Nothing where the arm lacks the metric.
std::optional<PlotPoint> point_of(const AskedArm& arm, const std::string& metric, double x,
                                  const std::string& label);
// A series of a metric: of every arm at its place.
PlotSeries series_of(const ArmList& arms, const std::vector<std::string>& labels,
                     const std::vector<double>& places, const std::string& metric,
                     const std::string& label, Look look);
// 0, 1, 2, ...
std::vector<double> places_of(std::size_t count);

// What an axis buys: for groups that differ in one numeric setting alone, sorted by it. Rule: a
// measure "rises" or "falls" between the least and the greatest value only where the interval of
// the difference of the two (difference_interval) leaves out 0; otherwise no difference is told,
// and the highest upper end of all values bounds it.
struct Trend {
  std::vector<std::string> paths;  // settings that may be the axis
  // Settings that may differ along with the axis where no arms differ in it alone; the sentence
  // says so.
  std::vector<std::string> along;
  std::string axis;  // "training phrasings"
  bool as_percent = false;
  std::vector<std::string> published;
};
std::optional<Answer> trend_answer(const Study& study, const Trend& trend);

}  // namespace obverse::reversal::report
