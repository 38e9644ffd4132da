#include "bench/cuda/kernel_benches.h"

#include "bench/cuda/device_bench.h"
#include "kernels/core/device.h"

namespace obverse::bench {

std::string why_no_cuda_benches() { return kernels::cuda::why_no_device(); }

void run_cuda_benches(Report& report, const std::vector<std::string>& operations) {
  DeviceBench bench(report);
  // The ceilings first: they also bring the device's clocks up.
  for (const std::string& operation : operations) {
    static_cast<void>(operation == "adamw" ? bench.copy_rate() : bench.product_rate());
  }
  for (const std::string& operation : operations) {
    if (operation == "matmul") bench_matmul_on_device(bench);
    if (operation == "attention") bench_attention_on_device(bench);
    if (operation == "adamw") bench_adamw_on_device(bench);
  }
}

}  // namespace obverse::bench
