// The probes of a folder of runs, into its probes.jsonl.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/reversal_curse/probes/probe.h"
#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {

struct ProbeTask {
  std::vector<std::string> kinds;  // by name
  ProbeOptions options;
  std::filesystem::path data;  // of worlds that are read
  std::string device = "cpu";
  int jobs = 1;
};

struct ProbeTally {
  int done = 0;           // probes of runs that the folder holds now, of those that were asked for
  int without_model = 0;  // runs whose weights were not kept
  int failed = 0;         // probes that could not be done; each was told on a line of its own
  bool stopped = false;   // by Ctrl-C; the same call goes on from there
};

// Probes every finished run of `folder` by every kind that says something of it and that
// probes.jsonl lacks, `jobs` at a time, and tells of each on a line of stderr: also of what cannot
// be probed, and why. Results do not depend on `jobs`. Throws std::runtime_error, one line: for a
// folder without results, for probes of other options, and what LineFile throws.
ProbeTally run_probes(const std::filesystem::path& folder, const ProbeTask& task);

}  // namespace obverse::reversal
