// Two results folders side by side: which differences exceed their intervals.
#pragma once

#include <string>
#include <vector>

#include "experiments/reversal_curse/report/verdict.h"
#include "experiments/reversal_curse/results.h"

namespace obverse::reversal::report {

struct Difference {
  std::string metric;
  Estimate a, b;
  Interval of_difference;    // of b - a, 95 % (difference_interval)
  bool exceeds = false;      // the interval leaves out 0
  double p = 1.0;            // from the interval, as if its end towards 0 were of a normal estimate
  double corrected_p = 1.0;  // by Holm over all differences of the comparison
};

struct ComparedArm {
  std::string label;
  std::vector<Difference> differences;
};

struct Comparison {
  std::vector<ComparedArm> arms;
  // Settings on which no arm of one folder agrees with any of the other, with their values: what
  // the folders as a whole differ in.
  std::vector<std::string> between_folders;
  std::vector<std::string> only_in_a, only_in_b;  // labels of arms without one partner
  std::vector<std::string> metrics;               // all that some pair of arms shares
};

// Arms are matched where all settings agree but those of `between_folders` and what follows from
// settings; several of one folder that would match are left without a partner. `metric`: a metric's
// name, or the beginning of some up to a dot ("reverse"); empty: every kind's accuracy, choice and
// gain, directions not apart.
Comparison compare(const std::vector<RunResult>& a, const std::vector<RunResult>& b,
                   const std::string& metric);

// At most 80 columns wide; the headline first.
std::string render_comparison(const Comparison& comparison);

}  // namespace obverse::reversal::report
