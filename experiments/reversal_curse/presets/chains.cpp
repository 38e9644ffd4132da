#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> chains_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal", "entity_reversed"};
  part.worlds = {"chains"};
  part.axes["world.delimiters"] = {"none", "entity"};
  part.axes["world.texts"] = {"hops"};
  part.axes["training.steps"] = {1500};
  return {{.name = "chains",
           .summary = "do texts read backwards teach a relation that does not hold backwards?",
           .parts = {part}}};
}

}  // namespace obverse::reversal
