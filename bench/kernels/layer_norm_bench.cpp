#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/layer_norm/layer_norm.h"

namespace obverse::bench {

void bench_layer_norm(Report& report) {
  for (const auto& [rows, width] : kShapes) {
    const auto input = random_values<float>(rows * width), gain = random_values<float>(width);
    const auto bias = random_values<float>(width), gradient = random_values<float>(rows * width);
    std::vector<float> out(input.size()), mean(static_cast<std::size_t>(rows)), inverse(mean);
    std::vector<float> gain_gradient(gain.size()), bias_gradient(gain.size());
    const double array_bytes = 4.0 * static_cast<double>(rows * width);
    const std::string shape = shape_name(rows, width);
    report.measure_bytes(
        "layer_norm_forward", shape, 2 * array_bytes, [&, rows = rows, width = width] {
          kernels::cpu::layer_norm_forward<float>({.rows = rows,
                                                   .width = width,
                                                   .input = span(input),
                                                   .gain = span(gain),
                                                   .bias = span(bias),
                                                   .out = span(out),
                                                   .mean = span(mean),
                                                   .inverse_deviation = span(inverse)});
        });
    report.measure_bytes("layer_norm_backward", shape, 3 * array_bytes,
                         [&, rows = rows, width = width] {
                           kernels::cpu::layer_norm_backward<float>(
                               {.rows = rows,
                                .width = width,
                                .input = span(input),
                                .gain = span(gain),
                                .mean = span(std::as_const(mean)),
                                .inverse_deviation = span(std::as_const(inverse)),
                                .output_gradient = span(gradient),
                                .input_gradient = span(out),
                                .gain_gradient = span(gain_gradient),
                                .bias_gradient = span(bias_gradient)});
                         });
  }
}

}  // namespace obverse::bench
