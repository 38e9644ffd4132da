// Whether a fact that is stated in many phrasings is known the other way: Berglund et al. 2023
// train on 30 paraphrases a fact, Allen-Zhu and Li (arXiv:2309.14402) on 5.
#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> paraphrases_of_pairs_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal"};
  part.worlds = {"pairs"};
  part.axes["world.templates"] = {1, 5, 30};
  part.axes["training.steps"] = {1500};
  return {{.name = "paraphrases_of_pairs",
           .summary = "1 to 30 phrasings a fact, as many visits of each fact",
           .parts = {part}}};
}

}  // namespace obverse::reversal
