#include "engine/ops/rms_norm.h"

#include "engine/autograd/launch.h"
#include "engine/ops/norm_gradient.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/rms_norm/rms_norm.h"

namespace obverse::engine {
namespace {

using kernels::RmsNormShape;

// Elements of groups that start `offset` elements into an array.
template <typename T>
Span<T> from_offset(const Tensor& tensor, std::int64_t offset) {
  return tensor.span<T>().subspan(offset, tensor.elements() - offset);
}

void forward(const RmsNormShape& shape, std::int64_t offset, double epsilon, const Tensor& input,
             const Tensor& gain, const Tensor& out, const Tensor& inverse_rms) {
  with_float_type(input.dtype(), [&]<typename T>(T) {
    kernels::RmsNormForward<T> arguments;
    arguments.shape = shape;
    arguments.epsilon = epsilon;
    arguments.input = from_offset<T>(input, offset);
    arguments.gain = gain.span<T>();
    arguments.out = from_offset<T>(out, offset);
    arguments.inverse_rms = inverse_rms.span<kernels::Accumulator<T>>();
    OBVERSE_LAUNCH(input.device(), rms_norm_forward, arguments);
  });
}

void backward(const RmsNormShape& shape, std::int64_t offset, const Tensor& input,
              const Tensor& gain, const Tensor& inverse_rms, const Tensor& output_gradient,
              const Tensor& residual_gradient, const Tensor& input_gradient,
              const GradientHandle& gain_gradient) {
  const Tensor gain_sum = gain_gradient_sum(gain_gradient, gain);
  with_float_type(input.dtype(), [&]<typename T>(T) {
    kernels::RmsNormBackward<T> arguments;
    arguments.shape = shape;
    arguments.input = from_offset<T>(input, offset);
    arguments.gain = gain.span<T>();
    arguments.inverse_rms = inverse_rms.span<kernels::Accumulator<T>>();
    arguments.output_gradient = from_offset<T>(output_gradient, offset);
    if (residual_gradient.defined()) {
      arguments.residual_gradient = from_offset<T>(residual_gradient, offset);
    }
    arguments.input_gradient = from_offset<T>(input_gradient, offset);
    arguments.gain_gradient = gain_sum.span<kernels::Accumulator<T>>();
    OBVERSE_LAUNCH(input.device(), rms_norm_backward, arguments);
  });
}

void copy(const Tensor& from, const Tensor& to) {
  with_float_type(from.dtype(), [&]<typename T>(T) {
    kernels::Add<T> arguments;
    arguments.a = from.span<T>();
    arguments.out = to.span<T>();
    OBVERSE_LAUNCH(from.device(), add, arguments);
  });
}

}  // namespace

Variable rms_norm(Tape& tape, const Variable& input, const Variable& gain, double epsilon) {
  const std::int64_t width = input.shape()[-1];
  const RmsNormShape shape{.groups = 1,
                           .rows = width == 0 ? 0 : input.data().elements() / width,
                           .width = width,
                           .stride = input.data().elements()};
  const DType dtype = input.data().dtype();
  const Tensor out = Tensor::empty(tape.device(), input.shape(), dtype);
  const Tensor inverse_rms = Tensor::empty(tape.device(), {shape.rows}, accumulator_of(dtype));
  forward(shape, 0, epsilon, input.data(), gain.data(), out, inverse_rms);
  return tape.record(out, {&input, &gain},
                     [shape, input_data = input.data(), gain_data = gain.data(), inverse_rms,
                      input_gradient = input.gradient_handle(),
                      gain_gradient = gain.gradient_handle()](const Tensor& output_gradient) {
                       const NormGradient gradient(input_gradient, output_gradient);
                       backward(shape, 0, input_data, gain_data, inverse_rms, output_gradient,
                                gradient.so_far(), gradient.tensor(), gain_gradient);
                     });
}

Variable query_key_norm(Tape& tape, const Variable& packed, const Variable& query_gain,
                        const Variable& key_gain, std::int64_t heads, std::int64_t key_value_heads,
                        double epsilon) {
  const std::int64_t stride = packed.shape()[-1];
  const std::int64_t head_size = query_gain.data().elements();
  require(stride == (heads + 2 * key_value_heads) * head_size &&
              key_gain.data().elements() == head_size,
          "[query_key_norm] expected a width of (", heads, " + 2 x ", key_value_heads,
          ") heads of ", head_size, " elements and gains of one size, got ", packed.shape(),
          " with gains ", query_gain.shape(), " and ", key_gain.shape());
  const std::int64_t tokens = stride == 0 ? 0 : packed.data().elements() / stride;
  const RmsNormShape queries{tokens, heads, head_size, stride};
  const RmsNormShape keys{tokens, key_value_heads, head_size, stride};
  const std::int64_t key_offset = heads * head_size;
  const DType dtype = packed.data().dtype();
  const Tensor out = Tensor::empty(tape.device(), packed.shape(), dtype);
  const Tensor query_rms = Tensor::empty(tape.device(), {tokens, heads}, accumulator_of(dtype));
  const Tensor key_rms =
      Tensor::empty(tape.device(), {tokens, key_value_heads}, accumulator_of(dtype));
  copy(packed.data(), out);  // the values; the rest is overwritten
  forward(queries, 0, epsilon, packed.data(), query_gain.data(), out, query_rms);
  forward(keys, key_offset, epsilon, packed.data(), key_gain.data(), out, key_rms);
  return tape.record(
      out, {&packed, &query_gain, &key_gain},
      [queries, keys, key_offset, packed_data = packed.data(), query_rms, key_rms,
       query_gain_data = query_gain.data(), key_gain_data = key_gain.data(),
       packed_gradient = packed.gradient_handle(),
       query_gain_gradient = query_gain.gradient_handle(),
       key_gain_gradient = key_gain.gradient_handle()](const Tensor& output_gradient) {
        const Tensor gradient =
            Tensor::empty(packed_data.device(), packed_data.shape(), packed_data.dtype());
        copy(output_gradient, gradient);
        backward(queries, 0, packed_data, query_gain_data, query_rms, output_gradient, Tensor(),
                 gradient, query_gain_gradient);
        backward(keys, key_offset, packed_data, key_gain_data, key_rms, output_gradient, Tensor(),
                 gradient, key_gain_gradient);
        if (packed_gradient) packed_gradient->add(gradient);
      });
}

}  // namespace obverse::engine
