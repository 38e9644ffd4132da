// Runs grouped into arms (everything equal but the seed), with a short label each.
#pragma once

#include <string>
#include <vector>

#include "experiments/reversal_curse/results.h"

namespace obverse::reversal::report {

struct Arm {
  std::string
      label;  // objective, then only what tells arms apart: "causal, k = 1, layers 4"; unique
  std::vector<const RunResult*> runs;  // in order of appearance; at least one
};

// Ordered by first appearance. Holds pointers into `runs`.
std::vector<Arm> arms_of(const std::vector<RunResult>& runs);

// The world of a run without its seed, which belongs to the run and not to the arm.
nlohmann::json world_without_seed(const RunResult& run);

// Settings whose values differ between arms, as "architecture.layers"; "objective" where objectives
// differ.
std::vector<std::string> varied_settings(const std::vector<Arm>& arms);

}  // namespace obverse::reversal::report
