#include "experiments/reversal_curse/presets/preset.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

Preset preset_named(const std::string& name) {
  std::string known;
  for (const Preset& preset : preset_list()) {
    if (preset.name == name) return preset;
    known += " " + preset.name;
  }
  kernels::fail("[grid] expected a preset among", known, ", got '", name, "'");
}

GridOptions small_models() {
  GridOptions grid;
  grid.seeds = {0, 1, 2};
  grid.axes = {{"architecture.layers", {2}},     {"architecture.width", {64}},
               {"architecture.heads", {4}},      {"architecture.tied_embeddings", {false}},
               {"training.batch", {64}},         {"training.learning_rate", {1e-3}},
               {"training.warm_up_steps", {50}}, {"training.weight_decay", {0.1}}};
  return grid;
}

std::int64_t third_longer_where_masked(std::int64_t steps, const std::string& objective) {
  return objective.rfind("masked", 0) == 0 ? steps + steps / 3 : steps;
}

}  // namespace obverse::reversal
