#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/attention/attention.h"

namespace obverse::bench {

void bench_attention(Report& report) {
  std::vector<AttentionSizes> shapes = report.shapes().attention;
  if (shapes.empty())
    shapes = {{16, 32, 4, 16, 4}, {8, 64, 4, 16, 4}, {8, 256, 4, 64, 4}, {2, 1024, 12, 64, 12}};
  for (const AttentionSizes& sizes : shapes) {
    const std::string name = sizes.name();
    if (!report.wanted("attention_forward", name) && !report.wanted("attention_backward", name)) {
      continue;
    }
    const auto [batch, sequence, heads, head_size, key_value_heads] = sizes;
    // Query, key and value as parts of one packed projection.
    const std::int64_t width = heads * head_size, key_width = key_value_heads * head_size;
    const std::int64_t stride = width + 2 * key_width, count = batch * sequence * width;
    const std::int64_t key = width, value = width + key_width;
    const auto packed = random_values<float>(batch * sequence * stride);
    const auto gradient = random_values<float>(count);
    std::vector<float> out(gradient.size()), packed_gradient(packed.size());
    std::vector<float> log_sum_exp(static_cast<std::size_t>(batch * heads * sequence));
    const kernels::AttentionShape shape{.batch = batch,
                                        .sequence = sequence,
                                        .heads = heads,
                                        .key_value_heads = key_value_heads,
                                        .head_size = head_size,
                                        .scale = 0.125};
    const auto part = [](auto& values, std::int64_t begin) {
      const auto all = span(values);
      return all.subspan(begin, all.size() - begin);
    };
    // Two products of the visible half of the scores forward; five backward, which forms the scores
    // again.
    const double product = static_cast<double>(count * sequence);
    report.measure_flops("attention_forward", name, 2 * product, [&] {
      kernels::cpu::attention_forward<float>({.shape = shape,
                                              .query = {part(packed, 0), stride},
                                              .key = {part(packed, key), stride},
                                              .value = {part(packed, value), stride},
                                              .out = span(out),
                                              .log_sum_exp = span(log_sum_exp)});
    });
    report.measure_flops("attention_backward", name, 5 * product, [&] {
      kernels::cpu::attention_backward<float>(
          {.shape = shape,
           .query = {part(packed, 0), stride},
           .key = {part(packed, key), stride},
           .value = {part(packed, value), stride},
           .out = span(out),
           .log_sum_exp = span(log_sum_exp),
           .output_gradient = span(gradient),
           .query_gradient = {part(packed_gradient, 0), stride},
           .key_gradient = {part(packed_gradient, key), stride},
           .value_gradient = {part(packed_gradient, value), stride}});
    });
  }
}

}  // namespace obverse::bench
