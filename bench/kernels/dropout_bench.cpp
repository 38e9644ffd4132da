#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/dropout/dropout.h"

namespace obverse::bench {

void bench_dropout(Report& report) {
  for (const auto& [rows, width] : kShapes) {
    const auto input = random_values<float>(rows * width),
               residual = random_values<float>(rows * width);
    std::vector<float> out(input.size());
    report.measure_bytes(
        "dropout", shape_name(rows, width), 3 * 4.0 * static_cast<double>(rows * width), [&] {
          kernels::cpu::dropout<float>(
              {.rate = 0.1, .input = span(input), .residual = span(residual), .out = span(out)});
        });
  }
}

}  // namespace obverse::bench
