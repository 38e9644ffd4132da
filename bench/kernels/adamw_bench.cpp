#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/adamw/adamw.h"

namespace obverse::bench {

void bench_adamw(Report& report) {
  // As many elements as the other kernels have.
  for (const std::int64_t count : {512 * 64, 2048 * 256, 4096 * 768}) {
    auto weight = random_values<float>(count), first = weight, second = weight;
    const auto gradient = random_values<float>(count);
    for (float& value : second) value *= value;
    const std::vector<float> clip_scale{1.0f};
    const std::vector<kernels::AdamWTensor<float>> tensors{
        {span(weight), span(gradient), span(first), span(second), 0.1}};
    report.measure_bytes("adamw", shape_name(count), 7 * 4.0 * static_cast<double>(count), [&] {
      kernels::cpu::adamw<float>({.tensors = span(tensors),
                                  .learning_rate = 1e-6,
                                  .step = 10,
                                  .clip_scale = span(clip_scale)});
    });
  }
}

}  // namespace obverse::bench
