// A grid run into a folder, as `run` and `verify` do it.
#pragma once

#include <atomic>
#include <cxxopts.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/reversal_curse/grid.h"
#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {

// The grid's runs, each arm of which could start. Throws UsageError for a bad option; bad data are
// a failure of another kind.
std::vector<RunSettings> checked_runs(const GridOptions& grid);

// --jobs, or what is usual on the device: on the CPU one a core.
int checked_jobs(const cxxopts::ParseResult& parsed);

// True from the first Ctrl-C or SIGTERM after the call on; a second one ends the program at once.
std::atomic<bool>& stop_on_signals();

struct GridRun {
  int done = 0;    // runs that the folder holds now
  int failed = 0;  // runs that diverged
  bool stopped = false;
};

// Runs what `folder` lacks of the grid. Ctrl-C stops it, a second one ends the program at once;
// what is on disk cannot be harmed. `keep_models`: as in scheduler.h. Throws what RunStore and the
// scheduler throw, and where all runs diverged.
GridRun run_grid(const std::vector<RunSettings>& runs, const std::string& preset, int jobs,
                 const std::filesystem::path& folder, const std::string& command_line,
                 bool keep_models);

}  // namespace obverse::reversal
