// What stating facts together with their logical neighbours buys: for the facts that were expanded,
// and for those that were not.
#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> expansion_presets() {
  GridOptions none = small_models();
  none.objectives = {"causal"};
  none.worlds = {"pairs"};
  none.axes["training.steps"] = {1500};
  GridOptions inverse = none;
  inverse.axes["world.expansion_of"] = {"inverse"};
  inverse.axes["world.expanded_facts"] = {0.25, 0.5, 0.75};
  GridOptions paraphrases = none;
  paraphrases.axes["world.expansion_of"] = {"paraphrases"};
  paraphrases.axes["world.expanded_facts"] = {0.5};
  return {{.name = "expansion",
           .summary =
               "facts enter training with their inverse or paraphrases: what that buys them, "
               "and the others",
           .parts = {none, inverse, paraphrases}}};
}

}  // namespace obverse::reversal
