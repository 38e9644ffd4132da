// Training steps of one configuration, timed.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/support/timing.h"
#include "bench/training/training_options.h"
#include "engine/model/step_operations.h"
#include "engine/tensor/allocator.h"
#include "engine/training/launch_times.h"

namespace obverse::bench {

struct TrainingFigures {
  // Seconds from the end of one step to that of the next. On CUDA the next one's work is given
  // while this one's runs, as in a real run.
  Timing step;
  double window_seconds = 0.0;  // of all timed steps together
  double loss = 0.0;
  std::int64_t parameters = 0;
  engine::MemoryUse memory;
  std::int64_t allocations = 0;   // while measuring; 0 is expected
  std::int64_t device_bytes = 0;  // taken from the GPU, by the engine and by kernels' scratch
  // Of steps behind those that were timed, each waited for and none a graph.
  double observed_step_seconds = 0.0;
  std::vector<engine::KernelTime> kernels;  // of all these steps
};

// On `device`, which is of the options' kind.
TrainingFigures measure_training(const TrainingBenchOptions& options, const engine::Device& device);

}  // namespace obverse::bench
