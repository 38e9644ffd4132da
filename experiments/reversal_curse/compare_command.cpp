#include <algorithm>
#include <cstdio>

#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/report/compare.h"
#include "experiments/reversal_curse/report/format.h"
#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {

int compare_command(int argc, char** argv) {
  cxxopts::Options options(
      "obverse-reversal compare",
      "Compares the results of two folders, A and B, arm by arm: which differences exceed their\n"
      "intervals. Arms are matched that agree in all settings but those in which the folders as a\n"
      "whole differ.\n\n"
      "  obverse-reversal compare runs/quick runs/mine\n"
      "  obverse-reversal compare runs/quick runs/mine --metric reverse.accuracy\n"
      "  obverse-reversal compare runs/quick runs/mine --metric reverse\n");
  options.positional_help("A B");
  options.add_options()("folders", "The two folders of results",
                        cxxopts::value<std::vector<std::string>>(), "A B")(
      "metric", "One metric of docs/results.md, or all that begin so, directions apart as well",
      cxxopts::value<std::string>(), "NAME")("help", "This text");
  options.parse_positional({"folders"});
  const auto parsed = parse_or_help(options, argc, argv);
  if (!parsed) return 0;
  const auto folders = parsed->count("folders") > 0
                           ? (*parsed)["folders"].as<std::vector<std::string>>()
                           : std::vector<std::string>();
  if (folders.size() != 2) {
    throw UsageError("expected two folders of results, got " + std::to_string(folders.size()) +
                     "; see --help");
  }
  const std::string metric =
      parsed->count("metric") > 0 ? (*parsed)["metric"].as<std::string>() : "";
  std::vector<StoredGrid> stored;
  for (const std::string& folder : folders) {
    stored.push_back(read_stored_grid(folder));
    if (stored.back().results.empty()) {
      throw std::runtime_error(folder + ": holds no finished run to compare");
    }
  }
  const report::Comparison comparison =
      report::compare(stored[0].results, stored[1].results, metric);
  const bool known =
      std::any_of(comparison.arms.begin(), comparison.arms.end(),
                  [](const report::ComparedArm& arm) { return !arm.differences.empty(); });
  if (!metric.empty() && !known && !comparison.metrics.empty()) {
    throw UsageError("expected --metric to be one that both folders have, such as " +
                     report::listed(comparison.metrics, 3) + "; got '" + metric + "'");
  }
  std::printf("A: %s\nB: %s\n\n%s", folders[0].c_str(), folders[1].c_str(),
              report::render_comparison(comparison).c_str());
  return 0;
}

}  // namespace obverse::reversal
