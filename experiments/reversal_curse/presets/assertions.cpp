// Statements asserted, denied and quoted, and whether truth is one direction of what a model holds
// of them: for `probe`. Where texts say of claims whether they are right, a model has to tell. A
// masked model takes longer to know the facts.
#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

std::vector<Preset> assertions_presets() {
  GridOptions causal = small_models();
  causal.objectives = {"causal"};
  causal.worlds = {"assertions"};
  causal.axes["world.relations"] = {1};
  causal.axes["world.entities_a_value"] = {30};
  causal.axes["world.verdicts"] = {0.0, 1.0};
  causal.axes["training.learning_rate"] = {3e-3};
  GridOptions masked = causal;
  masked.objectives = {"masked_uniform"};
  masked.axes["world.verdicts"] = {1.0};
  return {{.name = "assertions",
           .summary = "statements asserted, denied and quoted: weights kept for the probe of truth",
           .parts = {causal, masked},
           .steps =
               [](const std::string& objective) {
                 constexpr std::int64_t kCausal = 3000, kMasked = 7000;
                 return objective == "causal" ? kCausal : kMasked;
               },
           .keeps_models = true}};
}

}  // namespace obverse::reversal
