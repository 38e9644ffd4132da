#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> quick_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal", "token_reversed", "entity_reversed", "masked_uniform"};
  part.worlds = {"pairs"};
  part.axes["world.name_tokens"] = {1, 2};
  return {{.name = "quick",
           .summary =
               "the reversal curse and its known cures on 300 synthetic pairs, minutes on 2 cores",
           .parts = {part},
           .steps = [](const std::string& objective) {
             return third_longer_where_masked(1500, objective);
           }}};
}

}  // namespace obverse::reversal
