#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> retrieval_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal", "masked_fixed@0.15", "masked_fixed@0.4", "masked_fixed@0.85",
                     "masked_uniform"};
  part.worlds = {"retrieval"};
  // Of long names that share their tokens no small part tells the whole, so that rates differ.
  part.axes["world.pairs"] = {100};
  part.axes["world.name_tokens"] = {8};
  part.axes["world.name_pool"] = {-1};
  part.axes["architecture.position"] = {"rotary"};
  part.axes["training.learning_rate"] = {3e-3};
  part.axes["training.steps"] = {2000};
  return {{.name = "retrieval",
           .summary = "does it take every masking rate to retrieve names of several tokens?",
           .parts = {part}}};
}

}  // namespace obverse::reversal
