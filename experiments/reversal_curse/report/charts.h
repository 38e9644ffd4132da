// The page's charts as inline SVG. Trained is always blue, solid and round; reverse orange, dashed
// and a diamond, so that colour never carries a difference alone.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "experiments/reversal_curse/report/arms.h"

namespace obverse::reversal::report {

// One arm's strip of a dot plot, as wide as its column: a point a seed and the 95 % interval for
// trained and reverse. `row` is the arm in the summary.
std::string dot_strip(const nlohmann::json& row);
// The scale above and below the strips, 0 to 100 %.
std::string dot_scale();

// Accuracy of both directions over training steps: thin lines for seeds, a thick one for their
// mean. Empty without curves.
std::string curves_chart(const Arm& arm);

// Distribution functions of the log-probability of right and of wrong answers. Empty without such
// questions.
std::string distribution_chart(const Arm& arm, Asked asked);

}  // namespace obverse::reversal::report
