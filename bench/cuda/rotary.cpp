// Rotary on packed projections of query, key and value, whose last third is copied, against the
// rate of a plain copy.
#include "kernels/rotary/rotary.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/cuda/pointwise.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::Span;

// `heads` of the query; those of the key and of the value are as many.
struct Sizes {
  std::int64_t batch, sequence, heads, head_size;
  std::int64_t stride() const { return 3 * heads * head_size; }
};
// GPT-2 124M's, in short sequences, many or one, and a Llama's.
constexpr Sizes kSizes[] = {
    {8, 1024, 12, 64}, {64, 1024, 12, 64}, {1, 8192, 12, 64}, {2, 4096, 32, 128}};

template <typename T>
void measure(DeviceBench& bench) {
  const NormalPool<T> pool(bench.stream(), 1);
  for (const Sizes& sizes : kSizes) {
    const std::int64_t count = sizes.batch * sizes.sequence * sizes.stride();
    kernels::Rotary<T> x;
    x.batch = sizes.batch;
    x.sequence = sizes.sequence;
    x.heads = 2 * sizes.heads;
    x.head_size = sizes.head_size;
    x.stride = sizes.stride();
    measure_pointwise<T, T>(
        bench, pool,
        {.operation = "rotary",
         .direction = kTypeName<T>,
         .shape = shape_name(sizes.batch, sizes.sequence, sizes.heads, sizes.head_size),
         .inputs = {count},
         .outputs = count,
         .call =
             [&](const auto& inputs, Span<T> out) {
               x.input = inputs[0];
               x.out = out;
               kernels::cuda::rotary(x, bench.stream());
             },
         .exact =
             [&](const auto& value, std::int64_t i) {
               const std::int64_t within = i % x.stride, half = x.head_size / 2;
               if (within >= x.heads * x.head_size) return value(0, i);
               const std::int64_t pair = within % half;
               const double angle = static_cast<double>(i / x.stride % x.sequence) *
                                    std::pow(x.base, -2.0 * static_cast<double>(pair) /
                                                         static_cast<double>(x.head_size));
               const bool first = within % x.head_size < half;
               return value(0, i) * std::cos(angle) +
                      (first ? -value(0, i + half) : value(0, i - half)) * std::sin(angle);
             }});
  }
}

}  // namespace

void bench_rotary_on_device(DeviceBench& bench) {
  measure<float>(bench);
  measure<bf16>(bench);
}

}  // namespace obverse::bench
