#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/matmul/matmul.h"

namespace obverse::bench {
namespace {

struct Case {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
};

std::vector<Case> cases_of(const std::vector<MatmulSizes>& layers) {
  // Forward, input gradient and weight gradient of a small model's projections; its classifier; one
  // large square.
  if (layers.empty()) {
    return {
        {512, 64, 64, false, true},       {512, 256, 64, false, true},
        {512, 64, 256, false, false},     {256, 64, 512, true, false},
        {512, 614, 64, false, true},      {2048, 256, 256, false, true},
        {2048, 1024, 256, false, true},   {2048, 2048, 256, false, true},
        {2048, 2048, 2048, false, false},
    };
  }
  std::vector<Case> cases;
  for (const auto& [m, n, k] : layers) {
    cases.push_back({m, n, k, false, true});
    cases.push_back({m, k, n, false, false});
    cases.push_back({n, k, m, true, false});
  }
  return cases;
}

}  // namespace

void bench_matmul(Report& report) {
  for (const Case& shape : cases_of(report.shapes().matmul)) {
    const std::string name = shape_name(shape.m, shape.n, shape.k) + "_" +
                             (shape.transpose_a ? "t" : "n") + (shape.transpose_b ? "t" : "n");
    if (!report.wanted("matmul", name)) continue;
    const auto a = random_values<float>(shape.m * shape.k);
    const auto b = random_values<float>(shape.k * shape.n);
    std::vector<float> out(static_cast<std::size_t>(shape.m * shape.n));
    report.measure_flops("matmul", name, 2.0 * static_cast<double>(shape.m * shape.n * shape.k),
                         [&] {
                           kernels::cpu::matmul<float>({.m = shape.m,
                                                        .n = shape.n,
                                                        .k = shape.k,
                                                        .transpose_a = shape.transpose_a,
                                                        .transpose_b = shape.transpose_b,
                                                        .a = span(a),
                                                        .b = span(b),
                                                        .out = span(out)});
                         });
  }
}

}  // namespace obverse::bench
