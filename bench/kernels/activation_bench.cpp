#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/activation/activation.h"

namespace obverse::bench {

void bench_activation(Report& report) {
  for (const auto& [rows, width] : kShapes) {
    const auto gate_up = random_values<float>(rows * 2 * width);
    const auto gradient = random_values<float>(rows * width);
    std::vector<float> out(gradient.size()), gate_up_gradient(gate_up.size());
    const double array_bytes = 4.0 * static_cast<double>(rows * width);
    const std::string shape = shape_name(rows, width);
    const auto backward = [&, rows = rows, width = width](kernels::ActivationKind kind) {
      kernels::cpu::activation_backward<float>(
          {.rows = rows,
           .width = width,
           .kind = kind,
           .pre_activation = span(gate_up).subspan(0, rows * width),
           .output_gradient = span(gradient),
           .input_gradient = span(out)});
    };
    report.measure_bytes("gelu_backward", shape, 3 * array_bytes,
                         [&] { backward(kernels::ActivationKind::gelu); });
    report.measure_bytes("relu2_backward", shape, 3 * array_bytes,
                         [&] { backward(kernels::ActivationKind::relu2); });
    report.measure_bytes("swiglu_forward", shape, 3 * array_bytes, [&, rows = rows, width = width] {
      kernels::cpu::swiglu_forward<float>(
          {.rows = rows, .width = width, .gate_up = span(gate_up), .out = span(out)});
    });
    report.measure_bytes(
        "swiglu_backward", shape, 5 * array_bytes, [&, rows = rows, width = width] {
          kernels::cpu::swiglu_backward<float>({.rows = rows,
                                                .width = width,
                                                .gate_up = span(gate_up),
                                                .output_gradient = span(gradient),
                                                .gate_up_gradient = span(gate_up_gradient)});
        });
  }
}

}  // namespace obverse::bench
