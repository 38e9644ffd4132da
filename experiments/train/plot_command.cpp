#include <cstdio>
#include <filesystem>
#include <stdexcept>

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
  return fs::is_directory(given) ? given / "metrics.jsonl" : given;
}

std::string name_of(const fs::path& given) {
  fs::path folder = fs::is_directory(given) ? given : given.parent_path();
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
  options.parse_positional({"runs"});
  const auto parsed = experiments::parse_or_help(options, argc, argv);
  if (!parsed) {
    std::fputs(kExamples, stdout);
    return 0;
  }
  if (parsed->count("runs") == 0) {
    throw experiments::UsageError("expected the folder of a run to plot; see --help");
  }
  std::vector<NamedRun> runs;
  for (const std::string& given : (*parsed)["runs"].as<std::vector<std::string>>()) {
    const fs::path path = metrics_path(given);
    runs.push_back({name_of(given), read_metrics(path)});
    if (runs.back().metrics.steps.empty()) {
      throw std::runtime_error(path.string() + ": expected at least one step, found none");
    }
  }
  const fs::path first = metrics_path((*parsed)["runs"].as<std::vector<std::string>>().front());
  const fs::path output = parsed->count("output") > 0
                              ? fs::path((*parsed)["output"].as<std::string>())
                              : first.parent_path() / "curves.html";
  experiments::tell_full_files_as_errors();
  engine::write_atomically(output, curves_page(runs));
  std::printf("%s\n", output.c_str());
  return 0;
}

}  // namespace obverse::train
