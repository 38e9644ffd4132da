// obverse-reversal: the study of the reversal curse. Subcommands are in *_command.cpp.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>

#include "experiments/reversal_curse/commands.h"

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

// As a shell reads it back.
std::string quoted(const std::string& argument) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) {
    return argument;
  }
  std::string text = "'";
  for (const char letter : argument) text += letter == '\'' ? "'\\''" : std::string(1, letter);
  return text + "'";
}

// What was printed is on its way only once it is flushed: a full disk must not look like success.
int flushed(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fprintf(stderr, "obverse-reversal: standard output cannot be written: %s\n",
               std::strerror(errno));
  return status == 0 ? 1 : status;
}

int dispatch(int argc, char** argv) {
  using namespace obverse::reversal;
  if (argc < 2)
    throw UsageError("expected a command: run, verify, report, probe, compare or list; see --help");
  const std::string command = argv[1];
  if (command == "--help" || command == "-h" || command == "help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  std::string command_line = "obverse-reversal";
  for (int i = 1; i < argc; ++i) command_line += " " + quoted(argv[i]);
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
  try {
    return flushed(dispatch(argc, argv));
  } catch (const obverse::reversal::UsageError& error) {
    std::fprintf(stderr, "obverse-reversal: %s\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fputs(
        "obverse-reversal: not enough memory; smaller --layers, --width, --batch, --pairs or fewer "
        "--jobs need less\n",
        stderr);
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "obverse-reversal: %s\n", error.what());
    return 1;
  }
}
