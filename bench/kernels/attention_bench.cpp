#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/attention/attention.h"

namespace obverse::bench {

void bench_attention(Report& report) {
  struct Case {
    std::int64_t batch, sequence, heads, head_size;
  };
  constexpr Case kCases[] = {{16, 32, 4, 16}, {8, 64, 4, 16}, {8, 256, 4, 64}, {2, 1024, 12, 64}};
  for (const auto [batch, sequence, heads, head_size] : kCases) {
    const std::int64_t width = heads * head_size, count = batch * sequence * width;
    const auto packed = random_values<float>(3 * count), gradient = random_values<float>(count);
    std::vector<float> out(gradient.size()), packed_gradient(packed.size());
    std::vector<float> log_sum_exp(static_cast<std::size_t>(batch * heads * sequence));
    const kernels::AttentionShape shape{.batch = batch,
                                        .sequence = sequence,
                                        .heads = heads,
                                        .key_value_heads = heads,
                                        .head_size = head_size,
                                        .scale = 0.125};
    const auto part = [&](auto& values, std::int64_t index) {
      const auto all = span(values);
      return all.subspan(index * width, all.size() - index * width);
    };
    const std::string name = shape_name(batch, sequence, heads, head_size);
    // Two products of the visible half of the scores forward; five backward, which forms the scores
    // again.
    const double product = static_cast<double>(count * sequence);
    report.measure_flops("attention_forward", name, 2 * product, [&] {
      kernels::cpu::attention_forward<float>({.shape = shape,
                                              .query = {part(packed, 0), 3 * width},
                                              .key = {part(packed, 1), 3 * width},
                                              .value = {part(packed, 2), 3 * width},
                                              .out = span(out),
                                              .log_sum_exp = span(log_sum_exp)});
    });
    report.measure_flops("attention_backward", name, 5 * product, [&] {
      kernels::cpu::attention_backward<float>(
          {.shape = shape,
           .query = {part(packed, 0), 3 * width},
           .key = {part(packed, 1), 3 * width},
           .value = {part(packed, 2), 3 * width},
           .out = span(out),
           .log_sum_exp = span(log_sum_exp),
           .output_gradient = span(gradient),
           .query_gradient = {part(packed_gradient, 0), 3 * width},
           .key_gradient = {part(packed_gradient, 1), 3 * width},
           .value_gradient = {part(packed_gradient, 2), 3 * width}});
    });
  }
}

}  // namespace obverse::bench
