#include "kernels/reduction/reduction.h"

#include "engine/autograd/launch.h"
#include "engine/ops/reduction.h"
#include "kernels/core/scratch.h"

namespace obverse::engine {

NormAndScale gradient_norm(const std::vector<Tensor>& gradients, double maximum_norm) {
  require(!gradients.empty(), "[gradient_norm] expected at least one gradient");
  const Device& device = gradients.front().device();
  const DType dtype = gradients.front().dtype();
  const NormAndScale result{Tensor::empty(device, {1}, dtype), Tensor::empty(device, {1}, dtype)};
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
    arguments.norm = result.norm.span<T>();
    arguments.clip_scale = result.clip_scale.span<T>();
    OBVERSE_LAUNCH(device, gradient_norm, arguments);
  });
  return result;
}

}  // namespace obverse::engine
