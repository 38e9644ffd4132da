#include <algorithm>
#include <cmath>

#include "experiments/reversal_curse/report/charts.h"
#include "experiments/reversal_curse/report/svg.h"

namespace obverse::reversal::report {
namespace {

// Sorted, finite only: a probability that underflowed has no place on the axis.
std::vector<double> sorted_values(const Arm& arm, Asked asked, double Outcome::*member) {
  std::vector<double> values;
  for (const RunResult* run : arm.runs) {
    for (const Outcome& outcome : run->outcomes[static_cast<std::size_t>(asked)]) {
      if (std::isfinite(outcome.*member)) values.push_back(outcome.*member);
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

// Steps of the empirical distribution function. Beyond 120 steps the eye sees a curve and the page
// only grows.
std::vector<svg::Point> steps_of(const std::vector<double>& values, const svg::Frame& frame) {
  std::vector<svg::Point> points;
  const std::size_t count = values.size();
  const std::size_t steps = std::min<std::size_t>(count, 120);
  double height = 0.0;
  points.push_back({frame.x(frame.x_low), frame.y(0.0)});
  for (std::size_t i = 1; i <= steps; ++i) {
    const std::size_t rank = count * i / steps;
    const double x = frame.x(std::clamp(values[rank - 1], frame.x_low, frame.x_high));
    points.push_back({x, frame.y(height)});
    height = static_cast<double>(rank) / static_cast<double>(count);
    points.push_back({x, frame.y(height)});
  }
  points.push_back({frame.x(frame.x_high), frame.y(1.0)});
  return points;
}

}  // namespace

std::string distribution_chart(const Arm& arm, Asked asked) {
  // Trained and reverse share the arm's axis, so that the two pictures can be compared.
  double low = -1.0;
  for (const Asked kind : {Asked::trained, Asked::reverse}) {
    for (const auto member : {&Outcome::right_logprob, &Outcome::wrong_logprob}) {
      const std::vector<double> values = sorted_values(arm, kind, member);
      // The lowest half per cent may be far out and would squeeze the rest.
      if (!values.empty()) low = std::min(low, values[values.size() / 200]);
    }
  }
  const std::vector<double> right = sorted_values(arm, asked, &Outcome::right_logprob);
  const std::vector<double> wrong = sorted_values(arm, asked, &Outcome::wrong_logprob);
  if (right.empty() || wrong.empty()) return "";
  svg::Frame frame;
  frame.width = 270.0;  // two stand side by side
  frame.height = 180.0;
  frame.x_low = low - 0.03 * std::abs(low);
  frame.x_high = -0.02 * low;
  const std::string name = name_of(asked);
  const std::string body = svg::axes(frame, svg::round_ticks(frame.x_low, 0.0, 5),
                                     "log-probability, nats", "questions below, %") +
                           svg::polyline(steps_of(wrong, frame), "wrong") +
                           svg::polyline(steps_of(right, frame), "right " + name);
  return svg::picture(frame, arm.label + ", " + name + ": right against wrong answers", body);
}

}  // namespace obverse::reversal::report
