#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

// Every size learns the same facts for as many steps, so that a curve over sizes is one over
// parameters at equal data. `sizes` holds the middle row and column of `scaling` for who has
// minutes.
std::vector<Preset> scaling_presets() {
  GridOptions base = small_models();
  base.worlds = {"pairs"};
  base.objectives = {"causal"};
  base.axes["world.name_tokens"] = {1};
  base.axes["training.steps"] = {1000};

  GridOptions all = base;
  all.axes["architecture.layers"] = {1, 2, 4, 8};
  all.axes["architecture.width"] = {32, 64, 128, 256};
  GridOptions depths = base, widths = base;
  depths.axes["architecture.layers"] = {1, 2, 4, 8};
  widths.axes["architecture.width"] = {32, 64, 128, 256};
  return {{.name = "scaling",
           .summary = "does size matter? layers 1 to 8 by widths 32 to 256, next-token prediction",
           .parts = {all}},
          {.name = "sizes",
           .summary = "the same along one row and one column: 1 to 8 layers of width 64, widths 32 "
                      "to 256 of 2 layers",
           .parts = {depths, widths}}};
}

}  // namespace obverse::reversal
