// How far a run is: a bar that redraws itself on a terminal, a line a step elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "experiments/support/terminal.h"
#include "experiments/train/metrics.h"

namespace obverse::train {

struct MachineUse {
  double share_of_peak = 0.0;  // of the machine's best product of matrices; 0: not measured
  std::int64_t memory_bytes = 0;
};

class Progress {
 public:
  // `steps` of the whole run; `done` of them by a run before.
  Progress(std::FILE* out, std::int64_t steps, std::int64_t done);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(const StepMetrics& metrics, const MachineUse& use);
  // Something worth a line of its own, on a terminal too.
  void tell(const std::string& line);

 private:
  std::string line_of(const StepMetrics& metrics, const MachineUse& use) const;

  std::FILE* out_;
  experiments::TerminalLine line_;
  std::int64_t steps_, done_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace obverse::train
