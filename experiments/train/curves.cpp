#include "experiments/train/curves.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>

#include "experiments/support/svg.h"
#include "experiments/support/terminal.h"
#include "experiments/support/typeset.h"
#include "kernels/core/check.h"

namespace obverse::train {
namespace {

namespace svg = experiments::svg;
using experiments::grouped;
using experiments::typeset;

// Okabe and Ito's colours, which most colour-blind readers tell apart, darkened or lightened to
// read on the page.
constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--page:#fcfbf8;--ink:#1c2126;--soft:#59636d;--rule:#dcdad3;
--grid:#e9e7e1;--c0:#0a5fa3;--c1:#bf4a06;--c2:#5b6b12;--c3:#8a2f78;--c4:#a8740a;--c5:#0f7b6c}
@media screen and (prefers-color-scheme:dark){:root{--page:#14171a;--ink:#e7e9eb;--soft:#a3adb7;
--rule:#363d44;--grid:#2a3036;--c0:#6cb4f2;--c1:#f4975e;--c2:#b4c457;--c3:#e29ad3;--c4:#e9c46a;
--c5:#5fd0bd}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,"Segoe UI",Roboto,
"Noto Sans","DejaVu Sans",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:74rem;margin:0 auto;padding:2.5rem 1.5rem 4rem}
h1{font-size:1.7rem;margin:0 0 .4rem}p{max-width:46rem;color:var(--soft);margin:0 0 1rem}
.figures{display:grid;gap:2rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,32rem),1fr));
margin-top:1.5rem}
figure{margin:0}figcaption{font-weight:600;margin:0 0 .3rem}
figcaption small{display:block;font-weight:400;color:var(--soft)}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--soft);font-family:inherit}.tick{font-size:12px}.axis-title{font-size:12.5px}
.grid{stroke:var(--grid)}.axis{stroke:var(--soft)}
polyline{fill:none;stroke-linejoin:round;stroke-width:2}
.raw{stroke-width:1;opacity:.35}.checked{stroke-width:1.6;stroke-dasharray:6 3}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}
.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}
circle{stroke:none}circle.c0{fill:var(--c0)}circle.c1{fill:var(--c1)}circle.c2{fill:var(--c2)}
circle.c3{fill:var(--c3)}circle.c4{fill:var(--c4)}circle.c5{fill:var(--c5)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;margin-top:2rem}
th,td{text-align:right;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--grid);
white-space:nowrap}th:first-child{text-align:left;font-weight:400;white-space:normal}
thead th{color:var(--soft);font-weight:500}
.key{width:24px;height:10px;display:inline-block;vertical-align:middle;margin-right:.5rem}
)";

constexpr int kColours = 6;
constexpr std::size_t kMostPoints = 600;

std::string colour_of(std::size_t run) {
  return "c" + std::to_string(run % static_cast<std::size_t>(kColours));
}

struct Line {
  std::vector<CurvePoint> points;
  std::string kind;
  bool marked = false;  // a dot at every point
};

struct Figure {
  std::string title, note, y_title;
  bool logarithmic = false;
  bool from_zero = false;
  std::vector<Line> lines;
};

bool shows(const Figure& figure, double value) {
  return std::isfinite(value) && (!figure.logarithmic || value > 0.0);
}

// Round values within the range; of a long logarithmic axis 1, 2 and 5 times powers of ten.
std::vector<double> ticks_of(const Figure& figure, double low, double high) {
  constexpr int kTicks = 5;
  if (!figure.logarithmic) return svg::round_ticks(low, high, kTicks);
  std::vector<double> ticks;
  const double decades = high - low;
  if (decades < 1.0) {
    for (const double tick : svg::round_ticks(std::pow(10.0, low), std::pow(10.0, high), kTicks)) {
      ticks.push_back(std::log10(tick));
    }
    return ticks;
  }
  const bool wide = decades > 2.0;
  for (double power = std::floor(low); power <= high; power += 1.0) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = power + std::log10(factor);
      if (tick >= low && tick <= high && (!wide || factor == 1.0)) ticks.push_back(tick);
    }
  }
  return ticks;
}

std::string axes_of(const svg::Frame& frame, const Figure& figure) {
  const double floor = frame.height - frame.bottom, end = frame.width - frame.right;
  std::string body = svg::line({frame.left, floor}, {end, floor}, "axis");
  for (const double tick : ticks_of(figure, frame.y_low, frame.y_high)) {
    const double y = frame.y(tick);
    body += svg::line({frame.left, y}, {end, y}, "grid");
    body += svg::text({frame.left - 6, y + 4}, "end", "tick",
                      svg::tick_label(figure.logarithmic ? std::pow(10.0, tick) : tick));
  }
  constexpr int kSteps = 6;
  for (const double tick : svg::round_ticks(frame.x_low, frame.x_high, kSteps)) {
    const double x = frame.x(tick);
    body += svg::line({x, floor}, {x, floor + 4}, "axis");
    body += svg::text({x, floor + 16}, "middle", "tick", svg::tick_label(tick));
  }
  body += svg::text({(frame.left + end) / 2, frame.height - 3}, "middle", "axis-title", "step");
  body += "<text transform=\"translate(12 " + svg::number((frame.top + floor) / 2) +
          ") rotate(-90)\" text-anchor=\"middle\" class=\"axis-title\">" + typeset(figure.y_title) +
          "</text>";
  return body;
}

// Empty where there is nothing to show.
std::string figure_html(const Figure& figure) {
  svg::Frame frame{.width = 560.0, .height = 300.0, .left = 58.0};
  const auto scaled = [&figure](double y) { return figure.logarithmic ? std::log10(y) : y; };
  double low = HUGE_VAL, high = -HUGE_VAL, first = HUGE_VAL, last = -HUGE_VAL;
  for (const Line& line : figure.lines) {
    for (const CurvePoint& point : line.points) {
      if (!shows(figure, point.y)) continue;
      low = std::min(low, scaled(point.y));
      high = std::max(high, scaled(point.y));
      first = std::min(first, point.x);
      last = std::max(last, point.x);
    }
  }
  if (low > high) return "";
  if (figure.from_zero) low = std::min(low, 0.0);
  const double least = std::max(1e-12, 1e-3 * std::abs(high));
  const double margin = std::max(0.05 * (high - low), least);
  frame.y_low = figure.from_zero ? low : low - margin;
  frame.y_high = high + margin;
  frame.x_low = std::min(first, last - 1.0);
  frame.x_high = last;
  std::string body = axes_of(frame, figure);
  for (const Line& line : figure.lines) {
    std::vector<svg::Point> points;
    for (const CurvePoint& point : line.points) {
      if (shows(figure, point.y)) points.push_back({frame.x(point.x), frame.y(scaled(point.y))});
    }
    if (points.empty()) continue;
    body += svg::polyline(points, line.kind);
    for (const svg::Point& point : points) {
      if (!line.marked && points.size() > 1) break;
      body += "<circle cx=\"" + svg::number(point.x) + "\" cy=\"" + svg::number(point.y) +
              "\" r=\"3\" class=\"" + line.kind.substr(line.kind.rfind(' ') + 1) + "\"/>";
    }
  }
  return "<figure><figcaption>" + typeset(figure.title) + "<small>" + typeset(figure.note) +
         "</small></figcaption>" + svg::picture(frame, figure.title, body) + "</figure>\n";
}

std::vector<CurvePoint> values_of(const Metrics& metrics,
                                  const std::function<double(const StepMetrics&)>& value) {
  std::vector<CurvePoint> points;
  for (const StepMetrics& step : metrics.steps) {
    points.push_back({static_cast<double>(step.step), value(step)});
  }
  return points;
}

// Of a run this long.
double span_of(const Metrics& metrics) {
  constexpr double kShare = 0.02, kLeast = 5.0;
  return std::max(kLeast, kShare * static_cast<double>(metrics.steps.size()));
}

Figure loss_figure(const std::vector<NamedRun>& runs) {
  Figure figure{"Loss", "", "nats a target", false, false, {}};
  bool validated = false;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Metrics& metrics = runs[i].metrics;
    const auto raw = values_of(metrics, [](const StepMetrics& step) { return step.loss; });
    figure.lines.push_back({thinned(raw, kMostPoints), "raw " + colour_of(i)});
    figure.lines.push_back({thinned(smoothed(raw, span_of(metrics)), kMostPoints), colour_of(i)});
    std::vector<CurvePoint> checked;
    for (const ValidationMetrics& validation : metrics.validations) {
      checked.push_back({static_cast<double>(validation.step), validation.loss});
    }
    validated = validated || !checked.empty();
    figure.lines.push_back({checked, "checked " + colour_of(i), true});
  }
  figure.note = "training: each step faint, smoothed over it";
  if (validated) figure.note += "; dashes with dots: validation";
  return figure;
}

Figure step_figure(const std::vector<NamedRun>& runs, Figure figure,
                   const std::function<double(const StepMetrics&)>& value) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    figure.lines.push_back({thinned(values_of(runs[i].metrics, value), kMostPoints), colour_of(i)});
  }
  return figure;
}

std::string loss_text(double loss) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", loss);
  return std::isfinite(loss) ? text : experiments::kMissing;
}

std::string cell(const std::string& text) { return "<td>" + typeset(text) + "</td>"; }

std::string table(const std::vector<NamedRun>& runs) {
  std::string rows;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Metrics& metrics = runs[i].metrics;
    const StepMetrics& last = metrics.steps.back();
    const auto losses = values_of(metrics, [](const StepMetrics& step) { return step.loss; });
    std::optional<double> lowest;
    for (const ValidationMetrics& validation : metrics.validations) {
      lowest = std::min(lowest.value_or(validation.loss), validation.loss);
    }
    const auto smooth = smoothed(losses, span_of(metrics));
    rows +=
        "<tr><th><svg class=\"key\" viewBox=\"0 0 24 10\"><polyline points=\"0,5 24,5\" "
        "class=\"" +
        colour_of(i) + "\"/></svg>" + typeset(runs[i].name) + "</th>" +
        cell(grouped(static_cast<double>(last.step))) +
        cell(grouped(static_cast<double>(last.tokens))) +
        cell(experiments::duration_text(last.seconds)) +
        cell(grouped(static_cast<double>(last.tokens) / std::max(last.seconds, 1e-9))) +
        cell(smooth.empty() ? experiments::kMissing : loss_text(smooth.back().y)) +
        cell(metrics.validations.empty() ? experiments::kMissing
                                         : loss_text(metrics.validations.back().loss)) +
        cell(lowest ? loss_text(*lowest) : experiments::kMissing) + "</tr>\n";
  }
  return "<div class=\"scroll\"><table><thead><tr><th>run</th><th>steps</th><th>tokens</th>"
         "<th>time</th><th>tokens/s</th><th>loss, smoothed</th><th>validation</th>"
         "<th>lowest validation</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>\n";
}

}  // namespace

std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points, std::size_t most) {
  kernels::require(most > 0, "[curves] expected at least one point to be left, got ", most);
  if (points.size() <= most) return points;
  std::vector<CurvePoint> means;
  for (std::size_t bucket = 0; bucket < most; ++bucket) {
    const std::size_t begin = bucket * points.size() / most;
    const std::size_t end = (bucket + 1) * points.size() / most;
    CurvePoint sum;
    double count = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(points[i].y)) continue;
      sum.x += points[i].x;
      sum.y += points[i].y;
      count += 1.0;
    }
    if (count > 0.0) means.push_back({sum.x / count, sum.y / count});
  }
  return means;
}

std::vector<CurvePoint> smoothed(const std::vector<CurvePoint>& points, double span) {
  const double keep = 1.0 - 1.0 / std::max(1.0, span);
  std::vector<CurvePoint> result;
  double sum = 0.0, weight = 0.0;
  for (const CurvePoint& point : points) {
    if (!std::isfinite(point.y)) continue;
    sum = keep * sum + (1.0 - keep) * point.y;
    weight = keep * weight + (1.0 - keep);
    result.push_back({point.x, sum / weight});
  }
  return result;
}

std::string curves_page(const std::vector<NamedRun>& runs) {
  kernels::require(!runs.empty(), "[curves] expected at least one run, got none");
  for (const NamedRun& run : runs) {
    kernels::require(!run.metrics.steps.empty(), "[curves] expected a run of at least one step, ",
                     "got ", run.name, " without any");
  }
  const std::string figures =
      figure_html(loss_figure(runs)) +
      figure_html(step_figure(runs, {"Learning rate", "", "rate", false, true, {}},
                              [](const StepMetrics& step) { return step.learning_rate; })) +
      figure_html(step_figure(
          runs, {"Gradient norm", "before clipping; logarithmic", "norm", true, false, {}},
          [](const StepMetrics& step) { return step.gradient_norm; })) +
      figure_html(step_figure(runs, {"Speed", "", "tokens a second", false, true, {}},
                              [](const StepMetrics& step) { return step.tokens_per_second; }));
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta "
         "name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Training "
         "curves</title><style>" +
         std::string(kStyle) +
         "</style></head>\n<body><main><h1>Training curves</h1>\n<p>Where there are more steps "
         "than a picture has points, each point is the mean of its neighbours.</p>\n" +
         table(runs) + "<div class=\"figures\">\n" + figures + "</div></main></body></html>\n";
}

}  // namespace obverse::train
