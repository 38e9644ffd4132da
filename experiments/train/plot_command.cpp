#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "engine/files/atomic_file.h"
#include "experiments/support/command_line.h"
#include "experiments/train/commands.h"
#include "experiments/train/curves.h"

namespace obverse::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(
Examples:
  obverse-train plot runs/small
  obverse-train plot runs/small runs/other/metrics.jsonl --output curves.html
)";

// A run's folder, or its metrics.jsonl.
fs::path metrics_path(const fs::path& given) {
  std::error_code ignored;  // what is not to be read is told by who reads it
  return fs::is_directory(given, ignored) ? given / "metrics.jsonl" : given;
}

std::string name_of(const fs::path& given) {
  std::error_code ignored;
  fs::path folder = fs::is_directory(given, ignored) ? given : given.parent_path();
  if (!folder.has_filename()) folder = folder.parent_path();  // "runs/small/"
  const std::string name = folder.filename().string();
  return name.empty() || name == "." ? fs::absolute(given).parent_path().filename().string() : name;
}

}  // namespace

int plot_command(int argc, char** argv) {
  cxxopts::Options options("obverse-train plot",
                           "Draws the curves of training runs on one page that needs nothing but "
                           "itself.");
  options.positional_help("RUN ...");
  options.add_options()("runs", "Folders of runs, or their metrics.jsonl",
                        cxxopts::value<std::vector<std::string>>(), "RUN ...")(
      "output", "The page; usually curves.html in the first run's folder",
      cxxopts::value<std::string>(), "FILE")("help", "This text");
  const auto parsed = experiments::parse_or_help(options, argc, argv, "runs");
  if (!parsed) {
    std::fputs(kExamples, stdout);
    return 0;
  }
  const std::vector<std::string> given_runs = experiments::whole_arguments(*parsed, "runs");
  if (given_runs.empty()) {
    throw experiments::UsageError("expected the folder of a run to plot; see --help");
  }
  std::vector<NamedRun> runs;
  for (const std::string& given : given_runs) {
    const fs::path path = metrics_path(given);
    runs.push_back({name_of(given), read_metrics(path)});
    if (runs.back().metrics.steps.empty()) {
      throw std::runtime_error(path.string() + ": expected at least one step, found none");
    }
  }
  const fs::path first = metrics_path(given_runs.front());
  const fs::path output = parsed->count("output") > 0
                              ? fs::path((*parsed)["output"].as<std::string>())
                              : first.parent_path() / "curves.html";
  engine::write_atomically(output, curves_page(runs));
  std::printf("%s\n", output.c_str());
  return 0;
}

}  // namespace obverse::train
