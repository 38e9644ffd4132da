// How a file of this folder makes its objectives known: it defines `const
// std::vector<ObjectiveKind> FILE_objectives()`, which the build finds by the file's name. Nothing
// else has to change.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/training/objective.h"

namespace obverse::engine {

struct ObjectiveKind {
  std::string name;
  std::string summary;  // one line, with its paper
  // The number behind the at-sign where none is given; negative: the objective takes none.
  double usual = -1.0;
  std::function<std::unique_ptr<Objective>(double number, const TextSizes& sizes)> make;
};

// All kinds, file by file in alphabetical order.
std::vector<ObjectiveKind> objective_kinds();

}  // namespace obverse::engine
