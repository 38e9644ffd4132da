#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

// Ten times what learning takes, with and without the decay that late phase changes are said to
// need (Power et al. 2022, arXiv:2201.02177).
std::vector<Preset> time_presets() {
  GridOptions part = small_models();
  part.worlds = {"pairs"};
  part.objectives = {"causal"};
  part.axes["world.name_tokens"] = {1};
  part.axes["training.weight_decay"] = {0.1, 1.0};
  part.axes["training.steps"] = {15000};
  part.axes["training.curve_every"] = {500};
  return {{.name = "time",
           .summary = "does it pass with time? both directions through ten times the training that "
                      "learning takes, weight decay 0.1 and 1",
           .parts = {part}}};
}

}  // namespace obverse::reversal
