#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/reversal_curse/report/charts.h"
#include "experiments/reversal_curse/report/svg.h"

namespace obverse::reversal::report {
namespace {

using Accuracy = double CurvePoint::*;

std::string lines(const Arm& arm, const svg::Frame& frame, Accuracy accuracy,
                  const std::string& name) {
  std::string body;
  std::map<std::int64_t, std::pair<double, int>> sums;
  for (const RunResult* run : arm.runs) {
    std::vector<svg::Point> points;
    for (const CurvePoint& point : run->curve) {
      const double value = point.*accuracy;
      if (!std::isfinite(value)) continue;
      points.push_back({frame.x(static_cast<double>(point.step)), frame.y(value)});
      auto& [sum, count] = sums[point.step];
      sum += value;
      ++count;
    }
    if (!points.empty()) body += svg::polyline(points, "seed " + name);
  }
  std::vector<svg::Point> mean;
  for (const auto& [step, total] : sums) {
    // A step that only some seeds reached would make the mean jump for no reason.
    if (total.second != static_cast<int>(arm.runs.size())) continue;
    mean.push_back({frame.x(static_cast<double>(step)), frame.y(total.first / total.second)});
  }
  if (!mean.empty()) body += svg::polyline(mean, "mean " + name);
  return body;
}

}  // namespace

std::string curves_chart(const Arm& arm) {
  svg::Frame frame;
  double last = 0.0;
  bool any = false;
  for (const RunResult* run : arm.runs) {
    any = any || !run->curve.empty();
    for (const CurvePoint& point : run->curve) {
      last = std::max(last, static_cast<double>(point.step));
    }
  }
  if (!any) return "";
  frame.x_high = std::max(last, 1.0);
  const std::string body =
      svg::axes(frame, svg::round_ticks(0.0, frame.x_high, 5), "training step", "accuracy, %") +
      lines(arm, frame, &CurvePoint::trained_accuracy, "trained") +
      lines(arm, frame, &CurvePoint::reverse_accuracy, "reverse");
  return svg::picture(frame, "Learning curves of " + arm.label, body);
}

}  // namespace obverse::reversal::report
