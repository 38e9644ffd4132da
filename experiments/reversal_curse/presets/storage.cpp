// Whether a fact is stored once: models whose weights are kept, for `probe`. Facts stated both ways
// are what a left-to-right model knows in both directions; a masked model may know more.
#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> storage_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal", "entity_reversed", "masked_uniform"};
  part.worlds = {"pairs"};
  part.axes["architecture.tied_embeddings"] = {false, true};
  // What a prompt states is read by models that were taught to (presets/in_context.cpp).
  GridOptions prompted = small_models();
  prompted.objectives = {"causal"};
  prompted.worlds = {"pairs"};
  prompted.axes["world.pairs"] = {100};
  prompted.axes["world.demonstrations"] = {6};
  return {
      {.name = "storage",
       .summary = "models whose weights are kept, for obverse-reversal probe",
       .parts = {part, prompted},
       .steps =
           [](const std::string& objective) { return third_longer_where_masked(1500, objective); },
       .keeps_models = true}};
}

}  // namespace obverse::reversal
