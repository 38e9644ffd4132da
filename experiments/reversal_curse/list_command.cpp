#include <cstdio>

#include "engine/training/objective.h"
#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/presets/preset.h"
#include "experiments/reversal_curse/probes/probe.h"

namespace obverse::reversal {

int list_command(int argc, char** argv) {
  cxxopts::Options options("obverse-reversal list",
                           "Prints the presets, worlds and objectives that `run` knows, and "
                           "the probes of `probe`.\n");
  options.add_options()("help", "This text");
  if (!parse_or_help(options, argc, argv)) return 0;
  std::puts("Presets");
  const auto print = [](const auto& described) {
    for (const auto& each : described) {
      std::printf("  %-25s %s\n", each.name.c_str(), each.summary.c_str());
    }
  };
  print(preset_list());
  std::puts("\nWorlds");
  print(world_kinds());
  std::puts("\nObjectives");
  print(engine::objective_descriptions());
  std::puts("\nProbes");
  print(probe_kinds());
  return 0;
}

}  // namespace obverse::reversal
