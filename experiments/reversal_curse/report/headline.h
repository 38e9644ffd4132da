// The report's first words: one to a few sentences made from the arms' verdicts and numbers alone.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "experiments/reversal_curse/report/verdict.h"

namespace obverse::reversal::report {

struct JudgedArm {
  std::string label;
  std::string objective;
  std::size_t seeds = 0;
  std::array<std::string, 2> directions;
  ArmVerdict verdict;
};

// In order of weight, each able to stand alone.
std::vector<std::string> headline_of(const std::vector<JudgedArm>& arms);

}  // namespace obverse::reversal::report
