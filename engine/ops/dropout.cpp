#include "engine/ops/dropout.h"

#include "engine/autograd/launch.h"
#include "kernels/dropout/dropout.h"

namespace obverse::engine {
namespace {

Tensor dropped(double rate, const Tape::DropoutKey& key, const Tensor& input,
               const Tensor& residual) {
  const Tensor out = Tensor::empty(input.device(), input.shape(), input.dtype());
  with_float_type(input.dtype(), [&]<typename T>(T) {
    kernels::Dropout<T> arguments{
        rate, key.key, key.step, input.span<T>(), residual.span_or_empty<T>(), out.span<T>()};
    OBVERSE_LAUNCH(input.device(), dropout, arguments);
  });
  return out;
}

}  // namespace

Variable dropout(Tape& tape, const Variable& input, const Variable& residual, double rate) {
  require(rate >= 0.0 && rate < 1.0, "[dropout] expected a rate in [0, 1), got ", rate);
  const double active_rate = tape.training() ? rate : 0.0;
  const Tape::DropoutKey key = tape.next_dropout_key();
  return tape.record(
      dropped(active_rate, key, input.data(), residual.data()), {&input, &residual},
      [active_rate, key, input_gradient = input.gradient_handle(),
       residual_gradient = residual.gradient_handle()](const Tensor& output_gradient) {
        if (input_gradient) {
          input_gradient->add(dropped(active_rate, key, output_gradient, Tensor()));
        }
        if (residual_gradient) residual_gradient->add(output_gradient);
      });
}

}  // namespace obverse::engine
