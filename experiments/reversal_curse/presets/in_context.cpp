// Whether a model that cannot turn round a fact of its training can do so with one that it reads,
// as Berglund et al. 2023 (arXiv:2309.12288) say of large models.
#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> in_context_presets() {
  GridOptions part = small_models();
  part.objectives = {"causal"};
  part.worlds = {"pairs"};
  part.axes["world.pairs"] = {100};
  part.axes["world.demonstrations"] = {6};
  part.axes["training.steps"] = {1500};
  return {{.name = "in_context",
           .summary = "the facts whose reverse fails are asked with the fact in the prompt",
           .parts = {part}}};
}

}  // namespace obverse::reversal
