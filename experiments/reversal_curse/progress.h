// How far a grid is: a bar that redraws itself on a terminal, plain lines elsewhere. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

#include "experiments/support/terminal.h"

namespace obverse::reversal {

class Progress {
 public:
  // `total_steps` are those still to be trained by `runs` runs, of which the grid has `runs_before`
  // more that are done.
  Progress(std::FILE* out, int runs, int runs_before, std::int64_t total_steps);
  ~Progress();

  void step(std::int64_t tokens);
  // One run more is done; `line` is shown where there is no bar.
  void finish_run(const std::string& line);

 private:
  void draw(bool now);

  std::FILE* out_;
  experiments::TerminalLine line_;
  int runs_, runs_before_, finished_ = 0;
  std::int64_t total_steps_, steps_ = 0, tokens_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::mutex mutex_;
};

}  // namespace obverse::reversal
