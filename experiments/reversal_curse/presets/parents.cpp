#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> parents_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal", "token_reversed", "entity_reversed", "masked_uniform"};
  part.worlds = {"parents"};
  return {
      {.name = "parents",
       .summary = "parents and children, Experiment 2 of Berglund et al. 2023, one direction "
                  "trained; needs --data DIR",
       .parts = {part},
       .steps =
           [](const std::string& objective) { return third_longer_where_masked(1500, objective); },
       .needs_data = true}};
}

}  // namespace obverse::reversal
