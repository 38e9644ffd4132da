#include <stdexcept>

#include "bench/cuda/kernel_benches.h"

namespace obverse::bench {

std::string why_no_cuda_benches() {
  return "this build has no CUDA kernels, or no cuBLAS to measure them beside; configure it where "
         "there is a CUDA toolkit";
}

void run_cuda_benches(Report&, const std::vector<std::string>&) {
  throw std::logic_error(why_no_cuda_benches());
}

double measured_product_rate() { throw std::logic_error(why_no_cuda_benches()); }

}  // namespace obverse::bench
