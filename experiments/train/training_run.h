// A training run from its settings to its last checkpoint.
#pragma once

#include <cstdint>
#include <cstdio>

#include "experiments/train/settings.h"

namespace obverse::train {

struct RunOutcome {
  std::int64_t steps = 0;  // of the whole run, those before a resumption among them
  bool stopped = false;    // by a signal; the same settings go on
};

// Trains, and writes OUTPUT/settings.json, metrics.jsonl and checkpoints/. Where OUTPUT holds
// checkpoints of these settings it goes on behind the last one, with the bits of a run that was not
// interrupted. SIGINT and SIGTERM end it behind a step, with a checkpoint. Throws
// std::runtime_error or std::invalid_argument, one line, for what cannot be done, and
// engine::DivergedError where loss or gradient stop being numbers; checkpoints stay.
RunOutcome run_training(const Settings& settings, std::FILE* out);

}  // namespace obverse::train
