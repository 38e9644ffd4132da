// The kernel benchmarks. The table itself is written by CMake, one entry for every
// bench/kernels/NAME_bench.cpp, with bench/cuda/NAME.cpp where there is one, so that a new
// operation's benchmarks are found without an edit here.
#pragma once

#include <string>
#include <vector>

#include "bench/support/report.h"

namespace obverse::bench {

class DeviceBench;

struct KernelBench {
  std::string operation;
  void (*run)(Report&);
  bool has_device_bench;                // in builds with CUDA
  void (*run_on_device)(DeviceBench&);  // null where there is none in this build
};

std::vector<KernelBench> kernel_benches();

}  // namespace obverse::bench
