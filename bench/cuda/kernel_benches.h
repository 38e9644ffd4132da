// What of obverse-bench runs on a GPU, in builds with CUDA and without.
#pragma once

#include <string>
#include <vector>

#include "bench/support/report.h"

namespace obverse::bench {

// Empty where GPU benchmarks can run, else one line that says why not.
std::string why_no_cuda_benches();

// REQUIRES: why_no_cuda_benches() is empty; each of `operations` has a GPU benchmark (list.h).
void run_cuda_benches(Report& report, const std::vector<std::string>& operations);

// The best of bf16 products that this device did just now, in operations a second: what
// DeviceBench::product_rate() tells. REQUIRES: why_no_cuda_benches() is empty.
double measured_product_rate();

}  // namespace obverse::bench
