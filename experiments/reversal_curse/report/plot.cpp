#include "experiments/reversal_curse/report/plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/report/svg.h"

namespace obverse::reversal::report {
namespace {

constexpr double kLegendLine = 17.0;

const char* class_of(Look look) {
  static constexpr std::array<const char*, 4> kClasses = {"trained", "reverse", "third", "fourth"};
  return kClasses[static_cast<std::size_t>(look)];
}

std::string hinted(const std::string& hint) {
  return hint.empty() ? "" : "<title>" + typeset(hint) + "</title>";
}

std::string moved(svg::Point at, const char* path, const std::string& kind,
                  const std::string& hint) {
  return "<path transform=\"translate(" + svg::number(at.x) + " " + svg::number(at.y) + ")\" d=\"" +
         path + "\" class=\"" + kind + "\">" + hinted(hint) + "</path>";
}

std::string mark(svg::Point at, Look look, const std::string& hint, bool small) {
  const std::string kind = std::string(small ? "one-seed " : "point ") + class_of(look);
  switch (look) {
    case Look::trained:
      return "<circle cx=\"" + svg::number(at.x) + "\" cy=\"" + svg::number(at.y) + "\" r=\"" +
             (small ? "2" : "4") + "\" class=\"" + kind + "\">" + hinted(hint) + "</circle>";
    case Look::reverse:
      return moved(at, small ? "M0-2.8 2.8 0 0 2.8-2.8 0Z" : "M0-5 5 0 0 5-5 0Z", kind, hint);
    case Look::third:
      return moved(at, small ? "M-2-2H2V2H-2Z" : "M-3.8-3.8H3.8V3.8H-3.8Z", kind, hint);
    case Look::fourth:
      break;
  }
  return moved(at, small ? "M0-2.6 2.4 2H-2.4Z" : "M0-5 4.6 3.6H-4.6Z", kind, hint);
}

// Two entries a line; how many lines they take is the legend's height.
std::string legend(const Plot& plot, const svg::Frame& frame, double top) {
  std::string body;
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const double x = frame.left + static_cast<double>(i % 2) * 150.0;
    const std::size_t line = i / 2;
    const double y = top + kLegendLine * static_cast<double>(line);
    body += mark({x + 5, y}, plot.series[i].look, "", false);
    body += svg::text({x + 15, y + 4}, "start", "tick", plot.series[i].label);
  }
  return body;
}

double legend_height(const Plot& plot) {
  const std::size_t lines = (plot.series.size() + 1) / 2;
  return kLegendLine * static_cast<double>(lines);
}

struct Range {
  double low = 0.0, high = 0.0;
  bool any = false;
  void take(double value) {
    if (!std::isfinite(value)) return;
    low = any ? std::min(low, value) : value;
    high = any ? std::max(high, value) : value;
    any = true;
  }
};

Range values_of(const Plot& plot) {
  Range range;
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      range.take(point.value);
      for (const double seed : point.seeds) range.take(seed);
      if (point.interval) {
        range.take(point.interval->low);
        range.take(point.interval->high);
      }
    }
  }
  if (!range.any) return range;
  if (plot.unit == Unit::share) return {0.0, 1.0, true};
  range.take(0.0);
  const double margin = std::max(0.05 * (range.high - range.low), 0.05);
  return {range.low - margin, range.high + margin, true};
}

std::vector<double> value_ticks(const Plot& plot, const Range& range) {
  if (plot.unit == Unit::share) return {0.0, 0.25, 0.5, 0.75, 1.0};
  return svg::round_ticks(range.low, range.high, 5);
}

std::string tick_text(Unit unit, double tick) {
  return unit == Unit::share ? percent_number(tick) : svg::tick_label(tick);
}

// A place on the x axis: logarithms where the scale is logarithmic.
double placed(Scale scale, double x) { return scale == Scale::logarithmic ? std::log10(x) : x; }

std::vector<double> number_ticks(Scale scale, double low, double high) {
  if (scale == Scale::linear) return svg::round_ticks(low, high, 5);
  std::vector<double> ticks;
  for (int power = static_cast<int>(std::floor(low)); power <= std::ceil(high); ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = std::log10(factor) + power;
      if (high - low > 2.0 && factor > 1.0) continue;
      if (tick >= low && tick <= high) ticks.push_back(tick);
    }
  }
  return ticks;
}

}  // namespace

std::string plot_over_number(const Plot& plot) {
  Range across;
  const auto usable = [&plot](const PlotPoint& point) {
    return std::isfinite(point.value) && std::isfinite(placed(plot.scale, point.x));
  };
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      if (usable(point)) across.take(placed(plot.scale, point.x));
    }
  }
  const Range range = values_of(plot);
  if (!across.any || !range.any) return "";
  svg::Frame frame;
  frame.left = 46.0;
  const double head = legend_height(plot);
  frame.top = 12.0 + head;
  frame.height = 214.0 + head;
  const double margin = std::max(0.06 * (across.high - across.low), 1e-3);
  frame.x_low = across.low - margin;
  frame.x_high = across.high + margin;
  frame.y_low = range.low;
  frame.y_high = range.high;
  const double floor = frame.height - frame.bottom, end = frame.width - frame.right;
  std::string body = legend(plot, frame, 8.0);
  for (const double tick : value_ticks(plot, range)) {
    const bool zero = tick == 0.0;
    body += svg::line({frame.left, frame.y(tick)}, {end, frame.y(tick)}, zero ? "axis" : "grid");
    body +=
        svg::text({frame.left - 6, frame.y(tick) + 4}, "end", "tick", tick_text(plot.unit, tick));
  }
  for (const double tick : number_ticks(plot.scale, frame.x_low, frame.x_high)) {
    const double x = frame.x(tick);
    body += svg::line({x, floor}, {x, floor + 4}, "axis");
    body += svg::text({x, floor + 16}, "middle", "tick",
                      svg::tick_label(plot.scale == Scale::linear ? tick : std::pow(10.0, tick)));
  }
  body +=
      svg::text({(frame.left + end) / 2, frame.height - 4}, "middle", "axis-title", plot.x_title);
  body += "<text transform=\"translate(11 " + svg::number((frame.top + floor) / 2) +
          ") rotate(-90)\" text-anchor=\"middle\" class=\"axis-title\">" + typeset(plot.y_title) +
          "</text>";
  if (plot.marked_x && std::isfinite(placed(plot.scale, *plot.marked_x))) {
    const double x = frame.x(placed(plot.scale, *plot.marked_x));
    const bool left = x > (frame.left + end) / 2;
    body += svg::line({x, frame.top}, {x, floor}, "marked");
    body += svg::text({x + (left ? -5 : 5), frame.top + 26}, left ? "end" : "start", "tick",
                      plot.marked_label);
  }
  for (std::size_t at = 0; at < plot.series.size(); ++at) {
    const PlotSeries& series = plot.series[at];
    const std::string kind = class_of(series.look);
    // Series of one place beside each other, or the one drawn last would hide the others.
    const double aside =
        series.joined
            ? 0.0
            : 4.0 * (static_cast<double>(at) - 0.5 * static_cast<double>(plot.series.size() - 1));
    std::vector<svg::Point> middle;
    std::string marks;
    for (const PlotPoint& point : series.points) {
      if (!usable(point)) continue;
      const double x = frame.x(placed(plot.scale, point.x)) + aside;
      middle.push_back({x, frame.y(point.value)});
      if (point.interval && std::isfinite(point.interval->low) &&
          std::isfinite(point.interval->high)) {
        marks += svg::line({x, frame.y(point.interval->low)}, {x, frame.y(point.interval->high)},
                           "whisker " + kind);
      }
      for (const double seed : point.seeds) {
        if (std::isfinite(seed)) marks += mark({x + 6, frame.y(seed)}, series.look, "", true);
      }
      marks += mark(middle.back(), series.look, point.hint, false);
    }
    if (series.joined && middle.size() > 1) body += svg::polyline(middle, "joined " + kind);
    body += marks;
  }
  return svg::picture(frame, plot.title, body);
}

std::string plot_by_category(const Plot& plot, const std::vector<std::string>& categories) {
  const Range range = values_of(plot);
  if (!range.any || categories.empty()) return "";
  constexpr double kLane = 15.0, kName = 19.0;
  svg::Frame frame;
  frame.left = 14.0;
  const double head = legend_height(plot);
  const double strip = kName + kLane * static_cast<double>(plot.series.size()) + 5.0;
  frame.top = 8.0 + head;
  frame.height = frame.top + strip * static_cast<double>(categories.size()) + frame.bottom;
  frame.x_low = range.low;
  frame.x_high = range.high;
  const double floor = frame.height - frame.bottom;
  std::string body = legend(plot, frame, 8.0);
  for (const double tick : value_ticks(plot, range)) {
    const double x = frame.x(tick);
    body += svg::line({x, frame.top + 4}, {x, floor}, tick == 0.0 ? "axis" : "grid");
    body += svg::text({x, floor + 14}, "middle", "tick", tick_text(plot.unit, tick));
  }
  body += svg::text({(frame.left + frame.width - frame.right) / 2, frame.height - 5}, "middle",
                    "axis-title", plot.y_title);
  for (std::size_t at = 0; at < categories.size(); ++at) {
    const double top = frame.top + strip * static_cast<double>(at);
    body += "<text x=\"" + svg::number(frame.left) + "\" y=\"" + svg::number(top + 15) +
            "\" class=\"category\">" + typeset(categories[at]) + "</text>";
    for (std::size_t lane = 0; lane < plot.series.size(); ++lane) {
      const PlotSeries& series = plot.series[lane];
      const std::string kind = class_of(series.look);
      const double y = top + kName + kLane * (static_cast<double>(lane) + 0.5);
      for (const PlotPoint& point : series.points) {
        if (point.x != static_cast<double>(at) || !std::isfinite(point.value)) continue;
        if (point.interval && std::isfinite(point.interval->low) &&
            std::isfinite(point.interval->high)) {
          body += svg::line({frame.x(point.interval->low), y}, {frame.x(point.interval->high), y},
                            "whisker " + kind);
        }
        for (const double seed : point.seeds) {
          if (std::isfinite(seed)) body += mark({frame.x(seed), y + 5}, series.look, "", true);
        }
        body += mark({frame.x(point.value), y}, series.look, point.hint, false);
      }
    }
  }
  return svg::picture(frame, plot.title, body);
}

}  // namespace obverse::reversal::report
