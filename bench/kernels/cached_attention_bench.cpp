#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/values.h"
#include "kernels/cached_attention/cached_attention.h"

namespace obverse::bench {

// One new token a row: every key and value is read once.
void bench_cached_attention(Report& report) {
  for (const AttentionSizes& sizes : {AttentionSizes{1, 512, 4, 64, 4},
                                      {8, 512, 4, 64, 4},
                                      {4, 2048, 12, 64, 12},
                                      {4, 2048, 32, 64, 8}}) {
    const auto [batch, sequence, heads, head_size, key_value_heads] = sizes;
    const std::int64_t width = (heads + 2 * key_value_heads) * head_size;
    const std::int64_t cached = batch * sequence * key_value_heads * head_size;
    const auto packed = random_values<float>(batch * width);
    auto keys = random_values<float>(cached), values = random_values<float>(cached);
    std::vector<float> out(static_cast<std::size_t>(batch * heads * head_size));
    const std::vector<std::int32_t> positions(static_cast<std::size_t>(batch),
                                              static_cast<std::int32_t>(sequence - 1));
    kernels::CachedAttention<float> x;
    x.shape = {.batch = batch,
               .added = 1,
               .capacity = sequence,
               .heads = heads,
               .key_value_heads = key_value_heads,
               .head_size = head_size,
               .scale = 1.0 / std::sqrt(static_cast<double>(head_size))};
    x.packed = span(packed);
    x.positions = span(positions);
    x.cache_key = span(keys);
    x.cache_value = span(values);
    x.out = span(out);
    report.measure_bytes("cached_attention", sizes.name(),
                         2.0 * sizeof(float) * static_cast<double>(cached),
                         [&] { kernels::cpu::cached_attention(x); });
  }
}

}  // namespace obverse::bench
