// trend_answer of question_support.h.
#include <algorithm>
#include <set>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/question_support.h"

namespace obverse::reversal::report {
namespace {

std::string value_words(const Trend& trend, double value) {
  return trend.as_percent ? percent(value) : compact(value);
}

std::string measure_clause(const Group& group, const std::string& metric, const std::string& name) {
  const auto from = group.arms.front()->estimate(metric), to = group.arms.back()->estimate(metric);
  if (!from || !to) return name + " was not asked at both ends";
  std::string text = name + " from " + shown(*from) + " to " + shown(*to) + " (" +
                     points_with_interval(to->value - from->value, change_of(*from, *to)) + "): ";
  const std::string words = change_words(*from, *to);
  text += words == "no difference is told" ? words : "it " + words;
  if (metric != "reverse.accuracy") return text;
  double highest = 0.0;
  bool all = true;
  for (const AskedArm* arm : group.arms) {
    const auto estimate = arm->estimate(metric);
    all = all && estimate;
    if (estimate) highest = std::max(highest, estimate->interval.high);
  }
  if (all) text += ", and its highest upper end anywhere is " + percent(highest);
  return text;
}

// Arms that differ in the axis alone; where there are none, and the trend allows it, in the
// settings beside it too, each value of the axis once.
std::vector<Group> groups_along(const Study& study, const Trend& trend, const std::string& path) {
  const auto wanted = [&path](const AskedArm& arm) { return arm.setting_number(path).has_value(); };
  std::vector<Group> groups = groups_by(
      study, [&path](const std::string& other) { return other == path; }, wanted);
  if (!groups.empty()) return groups;
  const auto free = [&](const std::string& other) {
    return other == path ||
           std::find(trend.along.begin(), trend.along.end(), other) != trend.along.end();
  };
  for (Group& group : groups_by(study, free, wanted)) {
    std::set<double> values;
    for (const AskedArm* arm : group.arms) values.insert(*arm->setting_number(path));
    if (values.size() == group.arms.size()) groups.push_back(std::move(group));
  }
  return groups;
}

// " (permuted differs too: no and yes)" of a group.
std::string along_words(const Trend& trend, const Group& group) {
  std::string text;
  for (const std::string& path : trend.along) {
    std::vector<std::string> values;
    for (const AskedArm* arm : group.arms) {
      const auto found = arm->settings.find(path);
      const std::string value = found == arm->settings.end() ? "none" : setting(found->second);
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
    if (values.size() < 2) continue;
    text +=
        " (" + words(path.substr(path.find('.') + 1)) + " differs too: " + listed(values, 4) + ")";
  }
  return text;
}

}  // namespace

std::optional<Answer> trend_answer(const Study& study, const Trend& trend) {
  Answer answer;
  std::vector<std::string> sentences;
  ArmList all;
  answer.table.columns = {{"arm", Shown::text}, {trend.axis, Shown::number}};
  for (const Column& column : metric_columns(usual_metrics())) {
    answer.table.columns.push_back(column);
  }
  for (const std::string& path : trend.paths) {
    for (Group& group : groups_along(study, trend, path)) {
      std::stable_sort(group.arms.begin(), group.arms.end(),
                       [&path](const AskedArm* a, const AskedArm* b) {
                         return *a->setting_number(path) < *b->setting_number(path);
                       });
      std::vector<double> places;
      std::vector<std::string> labels;
      for (const AskedArm* arm : group.arms) {
        places.push_back(*arm->setting_number(path));
        labels.push_back(arm->label());
        all.push_back(arm);
        std::vector<Cell> row = {text_cell(arm->label()), number_cell(places.back())};
        add_metric_cells(*arm, usual_metrics(), row);
        answer.table.rows.push_back(row);
      }
      sentences.push_back((group.label.empty() ? "" : group.label + ", ") + trend.axis + " from " +
                          value_words(trend, places.front()) + " to " +
                          value_words(trend, places.back()) + along_words(trend, group) + ": " +
                          measure_clause(group, "trained.accuracy", "trained goes") + "; " +
                          measure_clause(group, "reverse.accuracy", "reverse goes") + ".");
      Plot plot;
      plot.title = "Accuracy over " + trend.axis + (group.label.empty() ? "" : ", " + group.label);
      plot.x_title = trend.axis;
      plot.y_title = "accuracy, %";
      plot.series = {
          series_of(group.arms, labels, places, "trained.accuracy", "trained", Look::trained),
          series_of(group.arms, labels, places, "reverse.accuracy", "reverse", Look::reverse),
          series_of(group.arms, labels, places, "both.accuracy", "stated both ways", Look::third)};
      if (plot.series.back().points.empty()) plot.series.pop_back();
      for (PlotSeries& series : plot.series) series.joined = true;
      answer.figures.push_back({"accuracy-" + std::to_string(answer.figures.size() + 1),
                                group.label, plot_over_number(plot)});
    }
  }
  if (sentences.empty()) return std::nullopt;
  answer.headline = joined_sentences(sentences, 3);
  answer.controls = control_sentences(all);
  answer.published = trend.published;
  answer.note =
      "Large marks are means with 95 % intervals, small ones seeds. A rise or fall is said where "
      "the interval of the difference between the ends of the axis leaves out 0.";
  return answer;
}

}  // namespace obverse::reversal::report
