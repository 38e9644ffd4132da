// SVG as the report's charts have it: what experiments/support/svg.h gives, and what is theirs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/support/svg.h"

namespace obverse::reversal::report::svg {

using namespace experiments::svg;  // NOLINT(google-build-using-namespace): more of the same

// Grid, tick labels and axis titles. Ticks of the y axis are 0, 25, 50, 75, 100 %.
std::string axes(const Frame& frame, const std::vector<double>& x_ticks, std::string_view x_title,
                 std::string_view y_title);

// A picture, or several above each other with their titles, as a file of its own: with a name
// space, a size, a white ground and the style in it, colours spelled out since not every viewer
// knows variables.
struct Named {
  std::string title, picture;
};
std::string stand_alone(const std::vector<Named>& pictures);

}  // namespace obverse::reversal::report::svg
