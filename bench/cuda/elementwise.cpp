// Sums, fills, scaling and casts, against the rate of a plain copy.
#include "kernels/elementwise/elementwise.h"

#include <cstdint>
#include <string>
#include <vector>

#include "bench/cuda/pointwise.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::Span;
using kernels::cuda::DeviceArray;

// Its square is 1: values do not fade from call to call.
constexpr float kFactor = -1.0f;

template <typename T>
void measure(DeviceBench& bench, const NormalPool<T>& pool, const ActivationSizes& sizes,
             Span<const float> factor) {
  auto& stream = bench.stream();
  const std::string type = kTypeName<T>, shape = sizes.name();
  const std::int64_t count = sizes.count();
  measure_pointwise<T, T>(
      bench, pool,
      {.operation = "add",
       .direction = type,
       .shape = shape,
       .inputs = {count, count},
       .outputs = count,
       .call =
           [&](const auto& inputs, Span<T> out) {
             kernels::Add<T> x;
             x.scale_b = 0.5;
             x.a = inputs[0];
             x.b = inputs[1];
             x.out = out;
             kernels::cuda::add(x, stream);
           },
       .exact = [](const auto& value, std::int64_t i) { return value(0, i) + 0.5 * value(1, i); }});
  measure_pointwise<T, T>(bench, pool,
                          {.operation = "fill",
                           .direction = type,
                           .shape = shape,
                           .outputs = count,
                           .call =
                               [&](const auto& /*inputs*/, Span<T> out) {
                                 kernels::Fill<T> x;
                                 x.value = 0.5;
                                 x.out = out;
                                 kernels::cuda::fill(x, stream);
                               },
                           .exact = [](const auto& /*value*/, std::int64_t /*i*/) { return 0.5; }});
  measure_pointwise<T, T>(
      bench, pool,
      {.operation = "scale_by",
       .direction = type,
       .shape = shape,
       .inputs = {count},
       .call =
           [&](const auto& inputs, Span<T> /*out*/) {
             kernels::ScaleBy<T> x;
             x.factor = factor;
             x.values = inputs[0];
             kernels::cuda::scale_by(x, stream);
           },
       .exact = [](const auto& value, std::int64_t i) { return kFactor * value(0, i); }});
}

template <typename From, typename To>
void measure_cast(DeviceBench& bench, const NormalPool<From>& pool, const ActivationSizes& sizes) {
  measure_pointwise<From, To>(
      bench, pool,
      {.operation = "cast",
       .direction = std::string("to ") + kTypeName<To>,
       .shape = sizes.name(),
       .inputs = {sizes.count()},
       .outputs = sizes.count(),
       .call =
           [&](const auto& inputs, Span<To> out) {
             kernels::Cast<From, To> x;
             x.input = inputs[0];
             x.out = out;
             kernels::cuda::cast(x, bench.stream());
           },
       .exact = [](const auto& value, std::int64_t i) { return value(0, i); }});
}

}  // namespace

void bench_elementwise_on_device(DeviceBench& bench) {
  auto& stream = bench.stream();
  const NormalPool<float> floats(stream, 1);
  const NormalPool<bf16> halves(stream, 2);
  const DeviceArray<float> factor(stream, 1);
  kernels::cuda::copy_to_device(stream, factor.span().data(), &kFactor, sizeof(kFactor));
  for (const ActivationSizes& sizes : kActivationSizes) {
    measure(bench, floats, sizes, factor.span());
    measure(bench, halves, sizes, factor.span());
    measure_cast<float, bf16>(bench, floats, sizes);
    measure_cast<bf16, float>(bench, halves, sizes);
  }
}

}  // namespace obverse::bench
