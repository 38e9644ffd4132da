#include <cstdio>

#include "engine/training/objective.h"
#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/grid.h"

namespace obverse::reversal {

int list_command(int argc, char** argv) {
  cxxopts::Options options("obverse-reversal list",
                           "Prints the objectives and presets that `run` knows.\n");
  options.add_options()("help", "This text");
  if (!parse_or_help(options, argc, argv)) return 0;
  std::puts("Presets");
  for (const PresetDescription& preset : preset_descriptions()) {
    std::printf("  %-17s %s\n", preset.name.c_str(), preset.summary.c_str());
  }
  std::puts("\nObjectives");
  for (const engine::ObjectiveDescription& objective : engine::objective_descriptions()) {
    std::printf("  %-17s %s\n", objective.name.c_str(), objective.summary.c_str());
  }
  return 0;
}

}  // namespace obverse::reversal
