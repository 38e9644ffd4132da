// The backward of GELU and relu2, and SwiGLU both ways, against the rate of a plain copy.
#include "kernels/activation/activation.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/cuda/pointwise.h"

namespace obverse::bench {
namespace {

using kernels::ActivationKind;
using kernels::bf16;
using kernels::Span;

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

template <typename T>
void measure_backward(DeviceBench& bench, const NormalPool<T>& pool, const ActivationSizes& sizes,
                      ActivationKind kind) {
  const bool gelu = kind == ActivationKind::gelu;
  measure_pointwise<T, T>(
      bench, pool,
      {.operation = gelu ? "gelu" : "relu2",
       .direction = std::string("backward ") + kTypeName<T>,
       .shape = sizes.name(),
       .inputs = {sizes.count(), sizes.count()},
       .outputs = sizes.count(),
       .call =
           [&](const auto& inputs, Span<T> out) {
             kernels::ActivationBackward<T> x;
             x.rows = sizes.rows;
             x.width = sizes.width;
             x.kind = kind;
             x.pre_activation = inputs[0];
             x.output_gradient = inputs[1];
             x.input_gradient = out;
             kernels::cuda::activation_backward(x, bench.stream());
           },
       .exact =
           [gelu](const auto& value, std::int64_t i) {
             const double x = value(0, i);
             return value(1, i) * (gelu ? kernels::activation_slope<ActivationKind::gelu>(x)
                                        : kernels::activation_slope<ActivationKind::relu2>(x));
           }});
}

template <typename T>
void measure_swiglu(DeviceBench& bench, const NormalPool<T>& pool, const ActivationSizes& sizes) {
  const std::string type = kTypeName<T>;
  const std::int64_t width = sizes.width, count = sizes.count();
  measure_pointwise<T, T>(bench, pool,
                          {.operation = "swiglu",
                           .direction = "forward " + type,
                           .shape = sizes.name(),
                           .inputs = {2 * count},
                           .outputs = count,
                           .call =
                               [&](const auto& inputs, Span<T> out) {
                                 kernels::SwigluForward<T> x;
                                 x.rows = sizes.rows;
                                 x.width = width;
                                 x.gate_up = inputs[0];
                                 x.out = out;
                                 kernels::cuda::swiglu_forward(x, bench.stream());
                               },
                           .exact =
                               [width](const auto& value, std::int64_t i) {
                                 const std::int64_t at = i + i / width * width;
                                 const double gate = value(0, at);
                                 return gate * sigmoid(gate) * value(0, at + width);
                               }});
  measure_pointwise<T, T>(
      bench, pool,
      {.operation = "swiglu",
       .direction = "backward " + type,
       .shape = sizes.name(),
       .inputs = {2 * count, count},
       .outputs = 2 * count,
       .call =
           [&](const auto& inputs, Span<T> out) {
             kernels::SwigluBackward<T> x;
             x.rows = sizes.rows;
             x.width = width;
             x.gate_up = inputs[0];
             x.output_gradient = inputs[1];
             x.gate_up_gradient = out;
             kernels::cuda::swiglu_backward(x, bench.stream());
           },
       .exact =
           [width](const auto& value, std::int64_t i) {
             const std::int64_t row = i / (2 * width), column = i % width;
             const double gate = value(0, row * 2 * width + column), s = sigmoid(gate);
             const double gradient = value(1, row * width + column);
             if (i / width % 2 == 1) return gradient * gate * s;
             return gradient * value(0, i + width) * s * (1.0 + gate * (1.0 - s));
           }});
}

template <typename T>
void measure_all(DeviceBench& bench) {
  const NormalPool<T> pool(bench.stream(), 1);
  for (const ActivationSizes& sizes : kActivationSizes) {
    measure_backward(bench, pool, sizes, ActivationKind::gelu);
    measure_backward(bench, pool, sizes, ActivationKind::relu2);
    measure_swiglu(bench, pool, sizes);
  }
}

}  // namespace

void bench_activation_on_device(DeviceBench& bench) {
  measure_all<float>(bench);
  measure_all<bf16>(bench);
}

}  // namespace obverse::bench
