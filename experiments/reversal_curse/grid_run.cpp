#include "experiments/reversal_curse/grid_run.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "experiments/reversal_curse/command_support.h"
#include "experiments/reversal_curse/commands.h"
#include "experiments/reversal_curse/scheduler.h"

namespace obverse::reversal {
namespace {

// A signal handler reaches nothing but what is static.
std::atomic<bool> stop_requested{false};
extern "C" void request_stop(int) { stop_requested = true; }

}  // namespace

std::vector<RunSettings> checked_runs(const GridOptions& grid) {
  try {
    std::vector<RunSettings> runs = expand(grid);
    for (const RunSettings& run : runs) {
      if (run.seed == runs.front().seed) check(run);  // seeds change no size
    }
    return runs;
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

int checked_jobs(const cxxopts::ParseResult& parsed) {
  if (parsed.count("jobs") == 0) {
    // Small models leave most of a GPU idle; beyond some streams the host cannot keep up.
    constexpr int kOnCuda = 8;
    if (parsed["device"].as<std::string>() == "cuda") return kOnCuda;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  const auto jobs = parsed["jobs"].as<std::int64_t>();
  if (jobs < 1 || jobs > 1024) {
    throw UsageError("expected --jobs from 1 to 1024, got " + std::to_string(jobs));
  }
  return static_cast<int>(jobs);
}

std::atomic<bool>& stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop_requested;
}

GridRun run_grid(const std::vector<RunSettings>& runs, const std::string& preset, int jobs,
                 const std::filesystem::path& folder, const std::string& command_line,
                 bool keep_models) {
  nlohmann::json grid = {{"command", command_line},
                         {"preset", preset},
                         {"commit", OBVERSE_COMMIT},
                         {"runs", nlohmann::json::array()}};
  for (const RunSettings& run : runs) grid["runs"].push_back(to_json(run));
  // Two streams a run: with CUDA's eight queues, one run's copies would wait behind another's step.
  // Read when CUDA starts; no other thread runs yet.
  if (runs.front().device == "cuda") setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);

  RunStore store(folder, grid);
  if (store.size() > 0 && store.size() < static_cast<int>(runs.size())) {
    std::printf("%s holds %d of %zu runs; going on\n", folder.c_str(), store.size(), runs.size());
    std::fflush(stdout);
  }
  SchedulerResult done;
  try {
    done = run_missing(runs, std::min(jobs, static_cast<int>(runs.size())), store,
                       stop_on_signals(), stderr, keep_models);
  } catch (...) {
    store.discard_if_empty();
    throw;
  }
  if (done.stopped) {
    std::printf("stopped: %d of %zu runs are kept in %s; the same command goes on from there\n",
                store.size(), runs.size(), folder.c_str());
  } else if (store.size() == 0) {
    throw std::runtime_error("all " + std::to_string(done.failed) +
                             " runs diverged; there is nothing to report");
  }
  return {store.size(), done.failed, done.stopped};
}

}  // namespace obverse::reversal
