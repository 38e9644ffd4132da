#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/elementwise/elementwise.h"

namespace obverse::bench {

void bench_elementwise(Report& report) {
  for (const auto& [rows, width] : kShapes) {
    const auto a = random_values<float>(rows * width), b = random_values<float>(rows * width);
    std::vector<float> out(a.size());
    const double array_bytes = 4.0 * static_cast<double>(rows * width);
    const std::string shape = shape_name(rows, width);
    report.measure_bytes("add", shape, 3 * array_bytes, [&] {
      kernels::cpu::add<float>({.a = span(a), .b = span(b), .out = span(out)});
    });
    report.measure_bytes("fill", shape, array_bytes,
                         [&] { kernels::cpu::fill<float>({.value = 1.0, .out = span(out)}); });
  }
}

}  // namespace obverse::bench
