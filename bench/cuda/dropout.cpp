// Dropout with a residual, which draws a Philox block for every four elements, against the rate of
// a plain copy.
#include "kernels/dropout/dropout.h"

#include <cstdint>
#include <string>
#include <vector>

#include "bench/cuda/pointwise.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::Span;

constexpr double kRate = 0.1;

template <typename T>
void measure(DeviceBench& bench) {
  const NormalPool<T> pool(bench.stream(), 1);
  const kernels::RandomKey key{.seed = 1, .purpose = kernels::Purpose::dropout, .step = 2};
  for (const ActivationSizes& sizes : kActivationSizes) {
    measure_pointwise<T, T>(bench, pool,
                            {.operation = "dropout",
                             .direction = kTypeName<T>,
                             .shape = sizes.name(),
                             .inputs = {sizes.count(), sizes.count()},
                             .outputs = sizes.count(),
                             .call =
                                 [&](const auto& inputs, Span<T> out) {
                                   kernels::Dropout<T> x;
                                   x.rate = kRate;
                                   x.key = key;
                                   x.input = inputs[0];
                                   x.residual = inputs[1];
                                   x.out = out;
                                   kernels::cuda::dropout(x, bench.stream());
                                 },
                             .exact =
                                 [&](const auto& value, std::int64_t i) {
                                   const bool drops =
                                       kernels::uniform(key, static_cast<std::uint64_t>(i)) < kRate;
                                   return value(1, i) + (drops ? 0.0 : value(0, i) / (1.0 - kRate));
                                 }});
  }
}

}  // namespace

void bench_dropout_on_device(DeviceBench& bench) {
  measure<float>(bench);
  measure<bf16>(bench);
}

}  // namespace obverse::bench
