// Reductions: the norm of all gradients, as one array and as GPT-2's tensors, and the gradient of a
// bias, against the rate of a plain copy.
#include "kernels/reduction/reduction.h"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "bench/cuda/pointwise.h"
#include "bench/support/values.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::Span;
using kernels::cuda::DeviceArray;

template <typename T>
void measure_norm(DeviceBench& bench, const NormalPool<T>& pool, const AdamWSizes& sizes) {
  const DeviceArray<float> clip_scale(bench.stream(), 1);
  std::vector<Span<const T>> spans;
  double expected = -1.0;  // found once
  measure_pointwise<T, float>(
      bench, pool,
      {.operation = "gradient_norm",
       .direction = kTypeName<T>,
       .shape = sizes.name(),
       .inputs = {sizes.parameters},
       .outputs = 1,
       .call =
           [&](const auto& inputs, Span<float> out) {
             spans.clear();
             for (std::int64_t i = 0; i < sizes.tensors; ++i) {
               const std::int64_t begin = sizes.begin(i);
               spans.push_back(inputs[0].subspan(begin, sizes.begin(i + 1) - begin));
             }
             kernels::GradientNorm<T> x;
             x.gradients = {spans.data(), sizes.tensors};
             x.maximum_norm = 1.0;
             x.norm = out;
             x.clip_scale = clip_scale.span();
             kernels::cuda::gradient_norm(x, bench.stream());
           },
       .exact =
           [&](const auto& value, std::int64_t) {
             if (expected >= 0.0) return expected;
             double squares = 0.0;
             for (std::int64_t i = 0; i < sizes.parameters; ++i) {
               const double gradient = value(0, i);
               squares += gradient * gradient;
             }
             return expected = std::sqrt(squares);
           }});
}

template <typename T>
void measure_column_sum(DeviceBench& bench, const NormalPool<T>& pool,
                        const ActivationSizes& sizes) {
  std::set<const float*> begun;  // outputs that are no longer poison
  measure_pointwise<T, float>(bench, pool,
                              {.operation = "column_sum",
                               .direction = kTypeName<T>,
                               .shape = sizes.name(),
                               .inputs = {sizes.count()},
                               .outputs = sizes.width,
                               .call =
                                   [&](const auto& inputs, Span<float> out) {
                                     if (begun.insert(out.data()).second) {
                                       kernels::cuda::fill_bytes(
                                           bench.stream(), out.data(), 0,
                                           static_cast<std::size_t>(out.size()) * sizeof(float));
                                     }
                                     kernels::ColumnSum<T> x;
                                     x.rows = sizes.rows;
                                     x.width = sizes.width;
                                     x.input = inputs[0];
                                     x.out = out;
                                     kernels::cuda::column_sum(x, bench.stream());
                                   },
                               .exact =
                                   [&](const auto& value, std::int64_t i) {
                                     double sum = 0.0;
                                     for (std::int64_t row = 0; row < sizes.rows; ++row) {
                                       sum += value(0, row * sizes.width + i);
                                     }
                                     return sum;
                                   }});
}

template <typename T>
void measure(DeviceBench& bench) {
  const NormalPool<T> pool(bench.stream(), 1);
  for (const AdamWSizes& sizes : {AdamWSizes{124439808, 1}, AdamWSizes{124439808, 148}}) {
    measure_norm(bench, pool, sizes);
  }
  for (const ActivationSizes& sizes : kActivationSizes) measure_column_sum(bench, pool, sizes);
}

}  // namespace

void bench_reduction_on_device(DeviceBench& bench) {
  measure<float>(bench);
  measure<bf16>(bench);
}

}  // namespace obverse::bench
