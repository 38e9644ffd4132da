#include "bench/support/sgemm.h"

#include <cblas.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bench/support/timing.h"
#include "bench/support/values.h"
#include "kernels/matmul/matmul.h"

namespace obverse::bench {

double sgemm_gflops() {
  constexpr std::int64_t kSize = 2048;
  const auto a = random_values<float>(kSize * kSize), b = random_values<float>(kSize * kSize);
  std::vector<float> out(a.size());
  const double openblas = median_seconds([&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSize, kSize, kSize, 1.0f, a.data(),
                kSize, b.data(), kSize, 0.0f, out.data(), kSize);
  });
  const double own = median_seconds([&] {
    kernels::cpu::matmul<float>(
        {.m = kSize, .n = kSize, .k = kSize, .a = span(a), .b = span(b), .out = span(out)});
  });
  return 2.0 * kSize * kSize * kSize / std::min(openblas, own) * 1e-9;
}

}  // namespace obverse::bench
