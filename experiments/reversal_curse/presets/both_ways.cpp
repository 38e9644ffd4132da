// Whether facts stated both ways teach a model to turn the others round: Zhu et al. 2024, "Towards
// a theoretical understanding of the reversal curse" (arXiv:2405.04669), where they do not.
#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> both_ways_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal"};
  part.worlds = {"pairs"};
  part.axes["world.share_both"] = {0.0, 0.3, 0.6, 0.9};
  part.axes["training.steps"] = {1500};
  return {{.name = "both_ways",
           .summary = "up to nine facts in ten are stated both ways: the others stay cursed",
           .parts = {part}}};
}

}  // namespace obverse::reversal
