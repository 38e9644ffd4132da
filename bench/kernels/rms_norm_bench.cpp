#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/rms_norm/rms_norm.h"

namespace obverse::bench {

void bench_rms_norm(Report& report) {
  for (const auto& [rows, width] : kShapes) {
    const auto input = random_values<float>(rows * width), gain = random_values<float>(width);
    const auto gradient = random_values<float>(rows * width);
    std::vector<float> out(input.size()), inverse(static_cast<std::size_t>(rows));
    std::vector<float> gain_gradient(gain.size());
    const double array_bytes = 4.0 * static_cast<double>(rows * width);
    // Rows as wide as the model, then the same elements as heads of 16 (QK-norm).
    for (const std::int64_t row_width : {width, std::int64_t{16}}) {
      const kernels::RmsNormShape shape{.rows = rows * width / row_width, .width = row_width};
      inverse.resize(static_cast<std::size_t>(shape.rows));
      const kernels::Span<const float> row_gain = span(gain).subspan(0, row_width);
      const std::string name = shape_name(shape.rows, row_width);
      report.measure_bytes("rms_norm_forward", name, 2 * array_bytes, [&] {
        kernels::cpu::rms_norm_forward<float>({.shape = shape,
                                               .input = span(input),
                                               .gain = row_gain,
                                               .out = span(out),
                                               .inverse_rms = span(inverse)});
      });
      report.measure_bytes("rms_norm_backward", name, 3 * array_bytes, [&] {
        kernels::cpu::rms_norm_backward<float>(
            {.shape = shape,
             .input = span(input),
             .gain = row_gain,
             .inverse_rms = span(std::as_const(inverse)),
             .output_gradient = span(gradient),
             .input_gradient = span(out),
             .gain_gradient = span(gain_gradient).subspan(0, row_width)});
      });
    }
  }
}

}  // namespace obverse::bench
