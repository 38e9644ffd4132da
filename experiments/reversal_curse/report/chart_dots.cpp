#include <cmath>

#include "experiments/reversal_curse/report/charts.h"
#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/svg.h"

namespace obverse::reversal::report {
namespace {

constexpr double kLane = 26.0;

// Positions are per cent of the strip's width: it stretches with the page while its marks keep
// their size. The margin keeps marks at 0 and 100 % whole.
std::string place(double share) { return svg::number(3.0 + 94.0 * share) + "%"; }

std::string across(double from, double to, double y, const std::string& kind) {
  const std::string height = svg::number(y);
  return "<line x1=\"" + place(from) + "\" x2=\"" + place(to) + "\" y1=\"" + height + "\" y2=\"" +
         height + "\" class=\"" + kind + "\"/>";
}

std::string upright(double share, double top, double bottom, const std::string& kind) {
  return "<line x1=\"" + place(share) + "\" x2=\"" + place(share) + "\" y1=\"" + svg::number(top) +
         "\" y2=\"" + svg::number(bottom) + "\" class=\"" + kind + "\"/>";
}

std::string mark(double share, double y, bool reverse, const std::string& hint) {
  const std::string title = "<title>" + typeset(hint) + "</title>";
  if (!reverse) {
    return "<circle cx=\"" + place(share) + "\" cy=\"" + svg::number(y) +
           "\" r=\"4.2\" class=\"dot trained\">" + title + "</circle>";
  }
  // A path takes no percentages, an inner picture does.
  return "<svg x=\"" + place(share) + "\" y=\"" + svg::number(y) +
         "\" overflow=\"visible\"><path d=\"M0-5.2 5.2 0 0 5.2-5.2 0Z\" class=\"dot reverse\">" +
         title + "</path></svg>";
}

std::string lane(const nlohmann::json& row, const std::string& name, bool reverse) {
  const std::string key = name + ".accuracy";
  const double middle = reverse ? 1.5 * kLane : 0.5 * kLane;
  std::string body;
  if (const auto interval = interval_at(row.at("metrics"), key + ".ci95")) {
    body += across(interval->low, interval->high, middle, "bar " + name);
    for (const double end : {interval->low, interval->high}) {
      body += upright(end, middle - 5, middle + 5, "bar-end " + name);
    }
  }
  const nlohmann::json& all = row.at("seed_metrics");
  if (!all.contains(key)) return body;
  const nlohmann::json& seeds = all.at(key);
  const double count = static_cast<double>(seeds.size());
  // Seeds that agree would hide each other on one line.
  const double spread = count > 1 ? std::min(4.5, 14.0 / (count - 1)) : 0.0;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (!seeds[i].is_number() || !std::isfinite(seeds[i].get<double>())) continue;
    const double value = seeds[i].get<double>();
    const std::string hint =
        "seed " + setting(row.at("seeds")[i]) + ", " + name + ": " + percent(value);
    body +=
        mark(value, middle + (static_cast<double>(i) - (count - 1) / 2) * spread, reverse, hint);
  }
  return body;
}

}  // namespace

std::string dot_strip(const nlohmann::json& row) {
  std::string body;
  for (const double share : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    body += upright(share, 0, 2 * kLane, "grid");
  }
  body += lane(row, "trained", false) + lane(row, "reverse", true);
  return "<svg class=\"strip\" width=\"100%\" height=\"" + svg::number(2 * kLane) +
         "\" role=\"img\"><title>" + typeset(row.at("label").get<std::string>()) +
         ": accuracy of every seed</title>" + body + "</svg>";
}

std::string dot_scale() {
  std::string body;
  for (const int share : {0, 25, 50, 75, 100}) {
    body += "<text x=\"" + place(share / 100.0) +
            "\" y=\"13\" text-anchor=\"middle\" class=\"tick\">" + std::to_string(share) +
            "</text>";
  }
  return "<svg class=\"strip\" width=\"100%\" height=\"18\" aria-hidden=\"true\">" + body +
         "</svg>";
}

}  // namespace obverse::reversal::report
