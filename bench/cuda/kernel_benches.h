// `obverse-bench kernels --device cuda`, in builds with CUDA and without.
#pragma once

#include <string>
#include <vector>

#include "bench/support/report.h"

namespace obverse::bench {

// Empty where GPU benchmarks can run, else one line that says why not.
std::string why_no_cuda_benches();

// REQUIRES: why_no_cuda_benches() is empty; each of `operations` is matmul, attention or adamw.
void run_cuda_benches(Report& report, const std::vector<std::string>& operations);

}  // namespace obverse::bench
