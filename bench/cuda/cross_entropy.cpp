// Cross-entropy, its loss alone and with the gradient over the logits, against the rate of a plain
// copy.
#include "kernels/cross_entropy/cross_entropy.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/cuda/pointwise.h"
#include "bench/support/values.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::Span;
using kernels::cuda::DeviceArray;

// 8192 tokens of GPT-2, its vocabulary rounded up and as it is; of a Llama; a study's.
constexpr RowsAndWidth kLogits[] = {{8192, 50304}, {8192, 50257}, {4096, 128256}, {512, 614}};

// The logits are standard normal: no exponential here overflows.
template <typename Value>
double sum_of_exponentials(const Value& value, std::int64_t row, std::int64_t vocabulary) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < vocabulary; ++i) sum += std::exp(value(0, row * vocabulary + i));
  return sum;
}

template <typename T>
void measure(DeviceBench& bench) {
  auto& stream = bench.stream();
  const NormalPool<T> pool(stream, 1);
  const std::string type = kTypeName<T>;
  for (const auto [tokens, vocabulary] : kLogits) {
    const std::int64_t count = tokens * vocabulary;
    const auto targets = random_ids(tokens, vocabulary);
    const DeviceArray<std::int32_t> on_device(stream, tokens);
    kernels::cuda::copy_to_device(stream, on_device.span().data(), targets.data(),
                                  targets.size() * sizeof(std::int32_t));
    const DeviceArray<float> losses(stream, tokens);
    kernels::CrossEntropy<T> x;
    x.tokens = tokens;
    x.vocabulary = vocabulary;
    x.targets = on_device.span();
    measure_pointwise<T, float>(
        bench, pool,
        {.operation = "cross_entropy",
         .direction = "loss_" + type,
         .shape = shape_name(tokens, vocabulary),
         .inputs = {count},
         .outputs = tokens,
         .call =
             [&](const auto& inputs, Span<float> out) {
               x.logits = inputs[0];
               x.losses = out;
               kernels::cuda::cross_entropy(x, stream);
             },
         .exact =
             [&, vocabulary = vocabulary](const auto& value, std::int64_t i) {
               const std::int64_t target = targets[static_cast<std::size_t>(i)];
               return std::log(sum_of_exponentials(value, i, vocabulary)) -
                      value(0, i * vocabulary + target);
             }});
    x.write_gradient = true;
    x.losses = losses.span();
    measure_pointwise<T, T>(
        bench, pool,
        {.operation = "cross_entropy",
         .direction = "gradient_" + type,
         .shape = shape_name(tokens, vocabulary),
         .inputs = {count},
         .call =
             [&](const auto& inputs, Span<T> /*out*/) {
               x.logits = inputs[0];
               kernels::cuda::cross_entropy(x, stream);
             },
         .exact =
             [&, vocabulary = vocabulary](const auto& value, std::int64_t i) {
               const std::int64_t row = i / vocabulary;
               const bool hit = i % vocabulary == targets[static_cast<std::size_t>(row)];
               return std::exp(value(0, i)) / sum_of_exponentials(value, row, vocabulary) -
                      (hit ? 1.0 : 0.0);
             }});
  }
}

}  // namespace

void bench_cross_entropy_on_device(DeviceBench& bench) {
  measure<float>(bench);
  measure<bf16>(bench);
}

}  // namespace obverse::bench
