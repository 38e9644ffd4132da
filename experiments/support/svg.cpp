#include "experiments/support/svg.h"

#include <cmath>
#include <cstdio>

#include "experiments/support/typeset.h"

namespace obverse::experiments::svg {
namespace {

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + number(value) + "\"";
}

std::string classed(std::string_view kind) { return " class=\"" + std::string(kind) + "\""; }

}  // namespace

double Frame::x(double value) const {
  return left + (value - x_low) / (x_high - x_low) * (width - left - right);
}

double Frame::y(double value) const {
  return height - bottom - (value - y_low) / (y_high - y_low) * (height - top - bottom);
}

std::string number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.2f", value);
  std::string text = buffer;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string text(Point at, std::string_view anchor, std::string_view kind,
                 std::string_view content) {
  return "<text" + attribute("x", at.x) + attribute("y", at.y) + " text-anchor=\"" +
         std::string(anchor) + "\"" + classed(kind) + ">" + typeset(content) + "</text>";
}

std::string line(Point from, Point to, std::string_view kind) {
  return "<line" + attribute("x1", from.x) + attribute("y1", from.y) + attribute("x2", to.x) +
         attribute("y2", to.y) + classed(kind) + "/>";
}

std::string polyline(const std::vector<Point>& points, std::string_view kind) {
  std::string list;
  for (const Point& point : points) {
    list += (list.empty() ? "" : " ") + number(point.x) + "," + number(point.y);
  }
  return "<polyline points=\"" + list + "\"" + classed(kind) + "/>";
}

std::string picture(const Frame& frame, std::string_view title, const std::string& body) {
  return "<svg viewBox=\"0 0 " + number(frame.width) + " " + number(frame.height) +
         "\" role=\"img\"><title>" + typeset(title) + "</title>" + body + "</svg>";
}

std::string tick_label(double value) {
  if (std::abs(value) >= 1e9) return compact(value / 1e9) + "G";
  if (std::abs(value) >= 1e6) return compact(value / 1e6) + "M";
  if (std::abs(value) >= 1e4) return compact(value / 1e3) + "k";
  return compact(value);
}

std::vector<double> round_ticks(double low, double high, int most) {
  std::vector<double> ticks;
  if (!(high > low) || most < 1) return {low};
  const double raw = (high - low) / most;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10.0 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) {
      step = factor * power;
      break;
    }
  }
  for (double tick = std::ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step) {
    ticks.push_back(std::abs(tick) < 1e-9 * step ? 0.0 : tick);
  }
  return ticks;
}

}  // namespace obverse::experiments::svg
