// The little SVG that charts need: shapes as strings, classes for colour (the page's style
// sheet holds them all).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace obverse::experiments::svg {

struct Point {
  double x = 0.0, y = 0.0;
};

// A plot's area inside its picture, and the data ranges that fill it.
struct Frame {
  double width = 340.0, height = 210.0;                         // of the picture, in user units
  double left = 42.0, right = 20.0, top = 10.0, bottom = 38.0;  // margins
  double x_low = 0.0, x_high = 1.0, y_low = 0.0, y_high = 1.0;

  double x(double value) const;
  double y(double value) const;
};

std::string number(double value);  // at most two decimals
std::string text(Point at, std::string_view anchor, std::string_view kind,
                 std::string_view content);
std::string line(Point from, Point to, std::string_view kind);
std::string polyline(const std::vector<Point>& points, std::string_view kind);
// A picture that scales with its column; `title` is what a screen reader says.
std::string picture(const Frame& frame, std::string_view title, const std::string& body);

// 20000 -> "20k": tick labels have little room.
std::string tick_label(double value);

// About `most` round values within [low, high]: 1, 2 or 5 times a power of ten.
std::vector<double> round_ticks(double low, double high, int most);

}  // namespace obverse::experiments::svg
