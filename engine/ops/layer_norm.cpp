#include "engine/ops/layer_norm.h"

#include "engine/autograd/launch.h"
#include "engine/ops/gain_gradient.h"
#include "kernels/layer_norm/layer_norm.h"

namespace obverse::engine {

Variable layer_norm(Tape& tape, const Variable& input, const Variable& gain, const Variable& bias,
                    double epsilon) {
  const std::int64_t width = input.shape()[-1];
  const std::int64_t rows = width == 0 ? 0 : input.data().elements() / width;
  const DType dtype = input.data().dtype();
  const Tensor out = Tensor::empty(tape.device(), input.shape(), dtype);
  const Tensor mean = Tensor::empty(tape.device(), {rows}, dtype);
  const Tensor inverse_deviation = Tensor::empty(tape.device(), {rows}, dtype);
  with_float_type(dtype, [&]<typename T>(T) {
    kernels::LayerNormForward<T> forward{.rows = rows, .width = width, .epsilon = epsilon};
    forward.input = input.data().span<T>();
    forward.gain = gain.data().span<T>();
    forward.bias = bias.data().span_or_empty<T>();
    forward.out = out.span<T>();
    forward.mean = mean.span<T>();
    forward.inverse_deviation = inverse_deviation.span<T>();
    OBVERSE_LAUNCH(tape.device(), layer_norm_forward, forward);
  });
  return tape.record(
      out, {&input, &gain, &bias},
      [rows, width, input_data = input.data(), gain_data = gain.data(), mean, inverse_deviation,
       input_gradient = input.gradient_handle(), gain_gradient = gain.gradient_handle(),
       bias_gradient = bias.gradient_handle()](const Tensor& output_gradient) {
        const Device& device = output_gradient.device();
        const Tensor gradient =
            Tensor::empty(device, output_gradient.shape(), output_gradient.dtype());
        const Tensor gain_sum = gain_gradient_sum(gain_gradient, gain_data);
        const Tensor bias_sum = bias_gradient ? bias_gradient->running_sum(device) : Tensor();
        with_float_type(output_gradient.dtype(), [&]<typename T>(T) {
          kernels::LayerNormBackward<T> backward{.rows = rows, .width = width};
          backward.input = input_data.span<T>();
          backward.gain = gain_data.span<T>();
          backward.mean = mean.span<T>();
          backward.inverse_deviation = inverse_deviation.span<T>();
          backward.output_gradient = output_gradient.span<T>();
          backward.input_gradient = gradient.span<T>();
          backward.gain_gradient = gain_sum.span_or_empty<T>();
          backward.bias_gradient = bias_sum.span_or_empty<T>();
          OBVERSE_LAUNCH(device, layer_norm_backward, backward);
        });
        if (input_gradient) input_gradient->add(gradient);
      });
}

}  // namespace obverse::engine
