#include <cstdint>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/adamw/adamw.h"

namespace obverse::bench {

void bench_adamw(Report& report) {
  std::vector<AdamWSizes> shapes = report.shapes().adamw;
  if (shapes.empty()) {  // as many elements as the other kernels have
    for (const auto& [rows, width] : kShapes) shapes.push_back({rows * width});
  }
  for (const AdamWSizes& shape : shapes) {
    if (!report.wanted("adamw", shape.name())) continue;
    const std::int64_t count = shape.parameters;
    auto weight = random_values<float>(count), first = weight, second = weight;
    const auto gradient = random_values<float>(count);
    for (float& value : second) value *= value;
    const std::vector<float> clip_scale{1.0f};
    std::vector<kernels::AdamWTensor<float>> tensors;
    for (std::int64_t i = 0; i < shape.tensors; ++i) {
      const std::int64_t begin = shape.begin(i), size = shape.begin(i + 1) - begin;
      tensors.push_back({span(weight).subspan(begin, size), span(gradient).subspan(begin, size),
                         span(first).subspan(begin, size), span(second).subspan(begin, size), 0.1});
    }
    report.measure_bytes("adamw", shape.name(), 7 * 4.0 * static_cast<double>(count), [&] {
      kernels::cpu::adamw<float>({.tensors = {tensors.data(), shape.tensors},
                                  .learning_rate = 1e-6,
                                  .step = 10,
                                  .clip_scale = span(clip_scale)});
    });
  }
}

}  // namespace obverse::bench
