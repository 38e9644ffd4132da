#include "engine/ops/rotary.h"

#include "engine/autograd/launch.h"

namespace obverse::engine {
namespace {

Tensor rotated(const Tensor& packed, std::int64_t heads, std::int64_t head_size, double base,
               const Tensor& first_positions, const kernels::RotaryScaling& scaling, bool inverse) {
  const Tensor out = Tensor::empty(packed.device(), packed.shape(), packed.dtype());
  with_float_type(packed.dtype(), [&]<typename T>(T) {
    kernels::Rotary<T> arguments;
    arguments.batch = packed.size(0);
    arguments.sequence = packed.size(1);
    arguments.heads = heads;
    arguments.head_size = head_size;
    arguments.stride = packed.size(2);
    arguments.base = base;
    arguments.scaling = scaling;
    arguments.inverse = inverse;
    arguments.first_positions = first_positions.span_or_empty<std::int32_t>();
    arguments.input = packed.span<T>();
    arguments.out = out.span<T>();
    OBVERSE_LAUNCH(packed.device(), rotary, arguments);
  });
  return out;
}

}  // namespace

Variable rotary(Tape& tape, const Variable& packed, std::int64_t heads, std::int64_t head_size,
                double base, const Tensor& first_positions, const kernels::RotaryScaling& scaling) {
  require(packed.shape().dimensions() == 3, "[rotary] expected [batch, sequence, width], got ",
          packed.shape());
  return tape.record(
      rotated(packed.data(), heads, head_size, base, first_positions, scaling, false), {&packed},
      [heads, head_size, base, first_positions, scaling,
       gradient = packed.gradient_handle()](const Tensor& output_gradient) {
        gradient->add(
            rotated(output_gradient, heads, head_size, base, first_positions, scaling, true));
      });
}

}  // namespace obverse::engine
