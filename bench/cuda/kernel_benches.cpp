#include "bench/cuda/kernel_benches.h"

#include <algorithm>

#include "bench/cuda/device_bench.h"
#include "bench/kernels/list.h"
#include "kernels/core/device.h"

namespace obverse::bench {

std::string why_no_cuda_benches() { return kernels::cuda::why_no_device(); }

void run_cuda_benches(Report& report, const std::vector<std::string>& operations) {
  DeviceBench bench(report);
  // The ceilings first: they also bring the device's clocks up.
  for (const std::string& operation : operations) {
    const bool multiplies = operation == "matmul" || operation == "attention";
    static_cast<void>(multiplies ? bench.product_rate() : bench.copy_rate());
  }
  for (const KernelBench& kernel : kernel_benches()) {
    if (kernel.run_on_device == nullptr) continue;
    if (std::find(operations.begin(), operations.end(), kernel.operation) != operations.end()) {
      kernel.run_on_device(bench);
    }
  }
}

double measured_product_rate() {
  Report report("", 1, {});
  const double rate = DeviceBench(report).product_rate();
  kernels::cuda::release_cached_device_memory();
  return rate;
}

}  // namespace obverse::bench
