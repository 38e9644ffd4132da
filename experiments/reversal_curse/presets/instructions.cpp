#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> instructions_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal"};
  part.worlds = {"instructions"};
  part.axes["architecture.width"] = {128};
  part.axes["world.guidance_order"] = {"mixed"};
  part.axes["world.guidance_texts"] = {"single"};
  part.axes["training.steps"] = {1500};
  return {{.name = "instructions",
           .summary = "instructions to answer a question, Experiment 3 of Berglund et al. 2023, in "
                      "both orders; needs --data DIR",
           .parts = {part},
           .needs_data = true}};
}

}  // namespace obverse::reversal
