// The kernel benchmarks. The table itself is written by CMake, one entry for every
// bench/kernels/*_bench.cpp, so that a new operation's benchmark is found without an edit here.
#pragma once

#include <string>
#include <vector>

#include "bench/support/report.h"

namespace obverse::bench {

struct KernelBench {
  std::string operation;
  void (*run)(Report&);
};

std::vector<KernelBench> kernel_benches();

}  // namespace obverse::bench
