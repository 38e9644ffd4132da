#include "kernels/reduction/reduction.h"

#include <type_traits>

#include "engine/autograd/launch.h"
#include "engine/ops/reduction.h"
#include "kernels/core/scratch.h"

namespace obverse::engine {

NormAndScale gradient_norm(const std::vector<Tensor>& gradients, double maximum_norm,
                           const Tensor& loss) {
  require(!gradients.empty(), "[gradient_norm] expected at least one gradient");
  const Device& device = gradients.front().device();
  const DType dtype = gradients.front().dtype();
  const NormAndScale result{Tensor::empty(device, {1}, accumulator_of(dtype)),
                            Tensor::empty(device, {1}, accumulator_of(dtype))};
  with_float_type(dtype, [&]<typename T>(T) {
    const auto count = static_cast<std::int64_t>(gradients.size());
    kernels::Scratch<Span<const T>> scratch(count);
    Span<const T>* spans = scratch.take(count);
    for (std::int64_t i = 0; i < count; ++i) {
      spans[i] = gradients[static_cast<std::size_t>(i)].span<T>();
    }
    kernels::GradientNorm<T> arguments;
    arguments.gradients = {spans, count};
    arguments.maximum_norm = maximum_norm;
    arguments.loss = loss.span_or_empty<kernels::Accumulator<T>>();
    arguments.norm = result.norm.span<kernels::Accumulator<T>>();
    arguments.clip_scale = result.clip_scale.span<kernels::Accumulator<T>>();
    OBVERSE_LAUNCH(device, gradient_norm, arguments);
  });
  return result;
}

Tensor sum(const Tensor& values) {
  const Tensor out = Tensor::empty(values.device(), {1}, values.dtype());
  with_float_type(values.dtype(), [&]<typename T>(T) {
    if constexpr (std::is_same_v<T, kernels::bf16>) {
      fail("[sum] expected elements of type f32 or f64, got bf16");
    } else {
      const kernels::WeightedSum<T> arguments{.input = values.span<T>(), .out = out.span<T>()};
      OBVERSE_LAUNCH(values.device(), weighted_sum, arguments);
    }
  });
  return out;
}

}  // namespace obverse::engine
