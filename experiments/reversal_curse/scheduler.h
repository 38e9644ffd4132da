// Runs a grid's missing runs, several at a time, one thread each.
#pragma once

#include <atomic>
#include <cstdio>
#include <vector>

#include "experiments/reversal_curse/run.h"
#include "experiments/reversal_curse/run_store.h"

namespace obverse::reversal {

struct SchedulerResult {
  int finished = 0;  // runs done by this call
  int failed = 0;    // runs that diverged; the others went on
  bool stopped = false;
};

// Trains every run of `runs` that `store` lacks, `jobs` at a time, and appends each as it ends.
// Results do not depend on `jobs`: a run has one thread, a device handle and a world of its own.
// With `keep_models` the weights of each are kept beside it (model_path), before its line is there.
// `stop` ends the runs in flight at their next step. Throws what the store throws (a full disk),
// after the runs in flight were stopped.
SchedulerResult run_missing(const std::vector<RunSettings>& runs, int jobs, RunStore& store,
                            std::atomic<bool>& stop, std::FILE* progress_out,
                            bool keep_models = false);

}  // namespace obverse::reversal
