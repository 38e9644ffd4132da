#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> paper_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal"};
  part.worlds = {"published"};
  part.seeds = {0, 1, 2, 3, 4};
  part.axes["architecture.layers"] = {3};
  part.axes["architecture.width"] = {128};
  part.axes["training.steps"] = {500};
  part.axes["training.curve_every"] = {50};
  return {{.name = "paper",
           .summary = "Experiment 1 of Berglund et al. 2023 from scratch; needs --data DIR",
           .parts = {part},
           .needs_data = true}};
}

}  // namespace obverse::reversal
