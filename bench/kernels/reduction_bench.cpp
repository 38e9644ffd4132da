#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/reduction/reduction.h"

namespace obverse::bench {

void bench_reduction(Report& report) {
  for (const auto& [rows, width] : kShapes) {
    const auto input = random_values<float>(rows * width),
               weights = random_values<float>(rows * width);
    std::vector<float> column(static_cast<std::size_t>(width)), norm(1), scale(1);
    const std::vector<kernels::Span<const float>> gradients{span(input)};
    const double array_bytes = 4.0 * static_cast<double>(rows * width);
    const std::string shape = shape_name(rows, width);
    report.measure_bytes("gradient_norm", shape, array_bytes, [&] {
      kernels::cpu::gradient_norm<float>({.gradients = span(gradients),
                                          .maximum_norm = 1.0,
                                          .norm = span(norm),
                                          .clip_scale = span(scale)});
    });
    report.measure_bytes("column_sum", shape, array_bytes, [&, rows = rows, width = width] {
      kernels::cpu::column_sum<float>(
          {.rows = rows, .width = width, .input = span(input), .out = span(column)});
    });
    report.measure_bytes("weighted_sum", shape, 2 * array_bytes, [&] {
      kernels::cpu::weighted_sum<float>(
          {.input = span(input), .weights = span(weights), .out = span(norm)});
    });
  }
}

}  // namespace obverse::bench
