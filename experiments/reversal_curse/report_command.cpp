#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"

namespace obverse::reversal {

int report_command(int argc, char** argv) {
  cxxopts::Options options(
      "obverse-reversal report",
      "Makes summary.json, report.html and the table anew from a folder's results.jsonl.\n\n"
      "  obverse-reversal report --output runs/quick\n");
  options.add_options()("output", "Folder of the results",
                        cxxopts::value<std::string>()->default_value("runs/quick"),
                        "DIR")("help", "This text");
  const auto parsed = parse_or_help(options, argc, argv);
  if (parsed) write_report((*parsed)["output"].as<std::string>());
  return 0;
}

}  // namespace obverse::reversal
