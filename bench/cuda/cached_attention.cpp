// Attention of one new token a row over a cache in bf16, as it is while texts are generated,
// against the rate of a plain copy: every key and value is read once.
#include "kernels/cached_attention/cached_attention.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/cuda/device_bench.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::cuda::DeviceArray;
using Pool = NormalPool<bf16>;

// Where set 0's arrays lie in the pool.
constexpr std::int64_t kPacked = 0, kKey = 1234567, kValue = 2345678, kOffsetOfSet = 7654321;

struct Set {
  DeviceArray<bf16> packed, keys, values, out;
  DeviceArray<std::int32_t> positions;

  static std::int64_t cached(const AttentionSizes& s) {
    return s.batch * s.sequence * s.key_value_heads * s.head_size;
  }
  static std::int64_t packed_width(const AttentionSizes& s) {
    return (s.heads + 2 * s.key_value_heads) * s.head_size;
  }

  Set(kernels::cuda::Stream& stream, const Pool& pool, const AttentionSizes& s, std::int64_t offset)
      : packed(pool.array(stream, s.batch * packed_width(s), kPacked + offset)),
        keys(pool.array(stream, cached(s), kKey + offset)),
        values(pool.array(stream, cached(s), kValue + offset)),
        out(stream, s.batch * s.heads * s.head_size),
        positions(stream, s.batch) {
    const std::vector<std::int32_t> last(static_cast<std::size_t>(s.batch),
                                         static_cast<std::int32_t>(s.sequence - 1));
    kernels::cuda::copy_to_device(stream, positions.span().data(), last.data(),
                                  last.size() * sizeof(std::int32_t));
  }

  kernels::CachedAttention<bf16> call(const AttentionSizes& s) const {
    kernels::CachedAttention<bf16> x;
    x.shape = {.batch = s.batch,
               .added = 1,
               .capacity = s.sequence,
               .heads = s.heads,
               .key_value_heads = s.key_value_heads,
               .head_size = s.head_size,
               .scale = 1.0 / std::sqrt(static_cast<double>(s.head_size))};
    x.packed = packed.span();
    x.positions = positions.span();
    x.cache_key = keys.span();
    x.cache_value = values.span();
    x.out = out.span();
    return x;
  }
};

// The last row's last head of set 0, in double.
double error_of(DeviceBench& bench, const Pool& pool, const AttentionSizes& s, const Set& set) {
  const std::int64_t batch = s.batch - 1, head = s.heads - 1, key_head = s.key_value_heads - 1;
  const std::int64_t row = batch * Set::packed_width(s),
                     new_key = row + (s.heads + key_head) * s.head_size;
  const auto cached = [&](std::int64_t offset, std::int64_t place, std::int64_t d) {
    if (place == s.sequence - 1) {
      const std::int64_t behind = offset == kKey ? 0 : s.key_value_heads * s.head_size;
      return pool.at(kPacked, new_key + behind + d);
    }
    return pool.at(offset,
                   ((batch * s.sequence + place) * s.key_value_heads + key_head) * s.head_size + d);
  };
  std::vector<double> weights, mixed(static_cast<std::size_t>(s.head_size));
  double maximum = -INFINITY, sum = 0.0;
  for (std::int64_t place = 0; place < s.sequence; ++place) {
    double score = 0.0;
    for (std::int64_t d = 0; d < s.head_size; ++d) {
      score += pool.at(kPacked, row + head * s.head_size + d) * cached(kKey, place, d);
    }
    weights.push_back(score / std::sqrt(static_cast<double>(s.head_size)));
    maximum = std::max(maximum, weights.back());
  }
  for (double& weight : weights) sum += weight = std::exp(weight - maximum);
  std::vector<std::int64_t> indices;
  for (std::int64_t d = 0; d < s.head_size; ++d) {
    indices.push_back((batch * s.heads + head) * s.head_size + d);
    for (std::int64_t place = 0; place < s.sequence; ++place) {
      mixed[static_cast<std::size_t>(d)] +=
          weights[static_cast<std::size_t>(place)] / sum * cached(kValue, place, d);
    }
  }
  return relative_error(bench.read(set.out.span(), indices), mixed);
}

void measure(DeviceBench& bench, const Pool& pool, const AttentionSizes& sizes) {
  const double bytes = 2.0 * sizeof(bf16) * static_cast<double>(Set::cached(sizes));
  std::vector<Set> sets;
  for (std::int64_t i = 0; i < bench.sets(bytes); ++i) {
    sets.emplace_back(bench.stream(), pool, sizes, i * kOffsetOfSet);
  }
  const auto body = [&](std::int64_t turn) {
    const Set& set = sets[static_cast<std::size_t>(turn) % sets.size()];
    kernels::cuda::cached_attention(set.call(sizes), bench.stream());
  };
  bench.poison(sets[0].out);
  body(0);
  const double error = error_of(bench, pool, sizes, sets[0]);
  bench.report().add({.operation = "cached_attention",
                      .provider = "own",
                      .direction = "bf16",
                      .shape = sizes.name(),
                      .device = "cuda",
                      .seconds = bench.time_in_turn({body})[0],
                      .work = bytes,
                      .ceiling = "copy",
                      .ceiling_rate = bench.copy_rate(),
                      .error = error});
}

}  // namespace

void bench_cached_attention_on_device(DeviceBench& bench) {
  // GPT-2 124M's heads and a Llama's; one text and many.
  const Pool pool(bench.stream(), 1);
  for (const AttentionSizes& sizes : {AttentionSizes{1, 1024, 12, 64, 12},
                                      {32, 1024, 12, 64, 12},
                                      {1, 8192, 32, 128, 8},
                                      {32, 4096, 32, 128, 8}}) {
    if (!bench.report().wanted("cached_attention_bf16", sizes.name())) continue;
    guarded(bench.report(), "cached_attention_bf16", sizes.name(),
            [&] { measure(bench, pool, sizes); });
  }
}

}  // namespace obverse::bench
