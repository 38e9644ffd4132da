#include "engine/ops/layer_norm.h"

#include "engine/autograd/launch.h"
#include "engine/ops/norm_gradient.h"
#include "kernels/layer_norm/layer_norm.h"

namespace obverse::engine {

Variable layer_norm(Tape& tape, const Variable& input, const Variable& gain, const Variable& bias,
                    double epsilon) {
  const std::int64_t width = input.shape()[-1];
  const std::int64_t rows = width == 0 ? 0 : input.data().elements() / width;
  const DType dtype = input.data().dtype();
  const Tensor out = Tensor::empty(tape.device(), input.shape(), dtype);
  const Tensor mean = Tensor::empty(tape.device(), {rows}, accumulator_of(dtype));
  const Tensor inverse_deviation = Tensor::empty(tape.device(), {rows}, accumulator_of(dtype));
  with_float_type(dtype, [&]<typename T>(T) {
    kernels::LayerNormForward<T> forward{.rows = rows, .width = width, .epsilon = epsilon};
    forward.input = input.data().span<T>();
    forward.gain = gain.data().span<T>();
    forward.bias = bias.data().span_or_empty<T>();
    forward.out = out.span<T>();
    forward.mean = mean.span<kernels::Accumulator<T>>();
    forward.inverse_deviation = inverse_deviation.span<kernels::Accumulator<T>>();
    OBVERSE_LAUNCH(tape.device(), layer_norm_forward, forward);
  });
  return tape.record(
      out, {&input, &gain, &bias},
      [rows, width, input_data = input.data(), gain_data = gain.data(), mean, inverse_deviation,
       input_gradient = input.gradient_handle(), gain_gradient = gain.gradient_handle(),
       bias_gradient = bias.gradient_handle()](const Tensor& output_gradient) {
        const Device& device = output_gradient.device();
        const NormGradient gradient(input_gradient, output_gradient);
        const Tensor gain_sum = gain_gradient_sum(gain_gradient, gain_data);
        const Tensor bias_sum = bias_gradient ? bias_gradient->running_sum(device) : Tensor();
        with_float_type(output_gradient.dtype(), [&]<typename T>(T) {
          using Sum = kernels::Accumulator<T>;
          kernels::LayerNormBackward<T> backward{.rows = rows, .width = width};
          backward.input = input_data.span<T>();
          backward.gain = gain_data.span<T>();
          backward.mean = mean.span<Sum>();
          backward.inverse_deviation = inverse_deviation.span<Sum>();
          backward.output_gradient = output_gradient.span<T>();
          backward.residual_gradient = gradient.so_far().span_or_empty<T>();
          backward.input_gradient = gradient.tensor().span<T>();
          backward.gain_gradient = gain_sum.span<Sum>();
          backward.bias_gradient = bias_sum.span_or_empty<Sum>();
          OBVERSE_LAUNCH(device, layer_norm_backward, backward);
        });
      });
}

}  // namespace obverse::engine
