// The curves of training runs as one HTML page that needs nothing but itself.
#pragma once

#include <string>
#include <vector>

#include "experiments/train/metrics.h"

namespace obverse::train {

struct NamedRun {
  std::string name;
  Metrics metrics;
};

// Loss (smoothed, over what it is smoothed from, and validation losses), learning rate, gradient
// norm and speed over steps, and a table of where each run stands. REQUIRES: at least one run, each
// with at least one step.
std::string curves_page(const std::vector<NamedRun>& runs);

// Means over buckets of about equally many values, at most `most` of them: what a picture can show.
struct CurvePoint {
  double x = 0.0, y = 0.0;
};
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points, std::size_t most);

// An exponential mean whose weights sum to 1 from the first value on (as Adam's are corrected);
// `span` values are about what it looks back on. Values that are no numbers are passed over.
std::vector<CurvePoint> smoothed(const std::vector<CurvePoint>& points, double span);

}  // namespace obverse::train
