#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> retrieval_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal", "masked_fixed@0.15", "masked_fixed@0.4", "masked_fixed@0.85",
                     "masked_uniform"};
  part.worlds = {"retrieval"};
  part.axes["architecture.position"] = {"rotary"};
  part.axes["training.steps"] = {3000};
  return {{.name = "retrieval",
           .summary = "does it take every masking rate to retrieve names of several tokens?",
           .parts = {part}}};
}

}  // namespace obverse::reversal
