// Several objectives by turns: every visit draws one of them by weight. A mixture is asked as its
// heaviest objective is, and in a gap as the heaviest one that can be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/training/objective.h"

namespace obverse::engine {

struct MixtureComponent {
  std::string name;
  std::unique_ptr<Objective> objective;
  double weight = 0.0;
};

// REQUIRES: at least two components; weights above 0 that sum to 1.
std::unique_ptr<Objective> make_mixture(std::string name, std::vector<MixtureComponent> components);

}  // namespace obverse::engine
