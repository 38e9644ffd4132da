#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

// As many texts a person in a round of training, and as many steps: only their diversity differs.
std::vector<Preset> paraphrases_presets() {
  GridOptions single = small_models();
  single.objectives = {"causal"};
  single.worlds = {"biographies"};
  single.axes["training.steps"] = {3000};
  single.axes["training.curve_every"] = {500};
  single.axes["world.biographies"] = {1};
  single.axes["world.permuted"] = {"no"};
  GridOptions several = single;
  several.axes["world.biographies"] = {5};
  several.axes["world.permuted"] = {"yes"};
  return {{.name = "paraphrases",
           .summary = "one biography a person against five paraphrased and permuted ones: what of "
                      "them can be asked for, either way",
           .parts = {single, several}}};
}

}  // namespace obverse::reversal
