#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> relations_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal", "masked_uniform", "causal_masked", "causal_masked_source_kept"};
  part.worlds = {"relations"};
  part.axes["world.entities"] = {50};
  part.axes["world.relations"] = {4};
  part.axes["training.learning_rate"] = {3e-3};
  part.axes["training.steps"] = {4000};
  return {{.name = "relations",
           .summary = "is it enough that the source of a fact is never asked for?",
           .parts = {part}}};
}

}  // namespace obverse::reversal
