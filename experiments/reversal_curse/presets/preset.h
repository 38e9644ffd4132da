// Named grids, each made for one question of docs/study.md. A file NAME.cpp of this folder defines
// `std::vector<Preset> NAME_presets()`, which the build finds by its name.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/grid.h"

namespace obverse::reversal {

struct Preset {
  std::string name;
  std::string summary;  // one line
  // Its runs are those of all parts together. Of a part only worlds, objectives, seeds and axes
  // count; what the user gives takes the place of the same in every part.
  std::vector<GridOptions> parts;
  // Steps of an objective where neither a part nor the user says; empty: "training.steps" is given.
  std::function<std::int64_t(const std::string& objective)> steps;
  bool needs_data = false;
  bool keeps_models = false;  // for probes
};

// All presets, file by file in alphabetical order.
std::vector<Preset> preset_list();
// Throws std::invalid_argument listing the names for any other.
Preset preset_named(const std::string& name);

// The small models that most presets train: 2 layers of width 64, 4 heads, untied embeddings (a
// shared table lets a name learned as input leak into the output), batches of 64 texts, a rate of
// 1e-3 behind 50 steps of warm-up, seeds 0 to 2.
GridOptions small_models();

// A masked model sees fewer targets a text, and takes a third longer for the same facts.
std::int64_t third_longer_where_masked(std::int64_t steps, const std::string& objective);

}  // namespace obverse::reversal
