// obverse-reversal: the study of the reversal curse. Subcommands are in *_command.cpp.
#include <cstdio>
#include <string>

#include "experiments/reversal_curse/commands.h"
#include "experiments/support/command_line.h"

namespace {

constexpr const char* kUsage =
    "obverse-reversal COMMAND [OPTIONS]\n\n"
    "Trains small transformers from scratch and measures whether a fact learned as \"A is B\" is "
    "known\n"
    "as \"B is A\".\n\n"
    "  run      trains and asks a grid of models, and writes results.jsonl, summary.json, "
    "report.html,\n           tables and figures\n"
    "  verify   checks what is known of the reversal curse, row by row\n"
    "  report   makes the table and the report anew from a folder of results\n"
    "  probe    measures how kept models store their facts: once, or in separate copies\n"
    "  compare  tells which differences between two folders of results exceed their intervals\n"
    "  list     presets, worlds and objectives\n\n"
    "  obverse-reversal run --preset quick --output runs/quick\n"
    "  obverse-reversal run --objective causal,masked_uniform --name-tokens 1,2 --seeds 5 --output "
    "runs/mine\n"
    "  obverse-reversal run --preset paper --data reversal_curse_data --output runs/paper\n"
    "  obverse-reversal report --output runs/quick\n"
    "  obverse-reversal compare runs/quick runs/mine\n\n"
    "obverse-reversal COMMAND --help tells more.\n";

int dispatch(int argc, char** argv) {
  using namespace obverse::reversal;
  if (argc < 2)
    throw UsageError("expected a command: run, verify, report, probe, compare or list; see --help");
  const std::string command = argv[1];
  if (command == "--help" || command == "-h" || command == "help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const std::string command_line =
      obverse::experiments::command_line_of("obverse-reversal", argc, argv);
  if (command == "run") return run_command(argc - 1, argv + 1, command_line);
  if (command == "verify") return verify_command(argc - 1, argv + 1, command_line);
  if (command == "report") return report_command(argc - 1, argv + 1);
  if (command == "compare") return compare_command(argc - 1, argv + 1);
  if (command == "probe") return probe_command(argc - 1, argv + 1);
  if (command == "list") return list_command(argc - 1, argv + 1);
  throw UsageError("expected a command: run, verify, report, probe, compare or list, got '" +
                   command + "'; see --help");
}

}  // namespace

int main(int argc, char** argv) {
  return obverse::experiments::run_program(
      "obverse-reversal", "smaller --layers, --width, --batch, --pairs or fewer --jobs need less",
      [&] { return dispatch(argc, argv); });
}
