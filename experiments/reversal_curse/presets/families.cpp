#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> families_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal"};
  part.worlds = {"families"};
  part.axes["training.weight_decay"] = {0.0, 0.1, 1.0, 3.0};
  part.axes["training.steps"] = {4000};
  part.axes["training.curve_every"] = {500};
  return {{.name = "families",
           .summary = "relations that have inverses and compose, under weight decay of 0 to 3: "
                      "does a rule reach the families whose inverses are held out",
           .parts = {part}}};
}

}  // namespace obverse::reversal
