#include "kernels/activation/activation.h"

#include "engine/autograd/launch.h"
#include "engine/ops/activation.h"

namespace obverse::engine {

Variable swiglu(Tape& tape, const Variable& gate_up) {
  const Shape& shape = gate_up.shape();
  require(shape.dimensions() == 3 && shape[2] % 2 == 0,
          "[swiglu] expected [batch, sequence, 2 * width], got ", shape);
  const std::int64_t width = shape[2] / 2;
  const std::int64_t rows = shape[0] * shape[1];
  const Tensor out =
      Tensor::empty(tape.device(), {shape[0], shape[1], width}, gate_up.data().dtype());
  with_float_type(gate_up.data().dtype(), [&]<typename T>(T) {
    kernels::SwigluForward<T> forward{rows, width, gate_up.data().span<T>(), out.span<T>()};
    OBVERSE_LAUNCH(tape.device(), swiglu_forward, forward);
  });
  return tape.record(
      out, {&gate_up},
      [rows, width, gate_up_data = gate_up.data(),
       gradient_handle = gate_up.gradient_handle()](const Tensor& output_gradient) {
        const Tensor gradient =
            Tensor::empty(gate_up_data.device(), gate_up_data.shape(), gate_up_data.dtype());
        with_float_type(gate_up_data.dtype(), [&]<typename T>(T) {
          kernels::SwigluBackward<T> backward{rows, width, gate_up_data.span<T>(),
                                              output_gradient.span<T>(), gradient.span<T>()};
          OBVERSE_LAUNCH(gate_up_data.device(), swiglu_backward, backward);
        });
        gradient_handle->add(gradient);
      });
}

}  // namespace obverse::engine
