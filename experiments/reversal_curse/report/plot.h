// Pictures of the questions' sections: values with intervals and every seed, over a number or by
// category. Each holds its own legend, so that it can stand alone as a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/statistics.h"

namespace obverse::reversal::report {

// Colour, mark and dashes of a series: trained and reverse are as everywhere on the page; `third`
// and `fourth` are for what a section sets beside them.
enum class Look { trained, reverse, third, fourth };

struct PlotPoint {
  double x = 0.0;  // of a category, its place
  double value = 0.0;
  std::optional<Interval> interval;
  std::vector<double> seeds;
  std::string hint;  // shown by a browser where the mouse rests
};

struct PlotSeries {
  std::string label;
  Look look = Look::trained;
  std::vector<PlotPoint> points;
  bool joined = false;  // a line through the points
};

enum class Scale { linear, logarithmic };
enum class Unit { share, nats };  // of values: 0 to 100 %, or what the values need, 0 included

struct Plot {
  std::string title;  // what a screen reader says
  std::string x_title, y_title;
  Scale scale = Scale::linear;
  Unit unit = Unit::share;
  std::vector<PlotSeries> series;
  std::optional<double> marked_x;  // an upright line, with its label
  std::string marked_label;
};

// Values over a number. Empty where there is no finite point.
std::string plot_over_number(const Plot& plot);

// One strip a category, its name above, the values to the right: room for long names. `scale` is
// of no use here.
std::string plot_by_category(const Plot& plot, const std::vector<std::string>& categories);

}  // namespace obverse::reversal::report
