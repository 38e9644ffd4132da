#include "engine/ops/elementwise.h"

#include "engine/autograd/launch.h"
#include "kernels/elementwise/elementwise.h"

namespace obverse::engine {
namespace {

Tensor scaled_sum(const Tensor& a, double scale_a, const Tensor& b, double scale_b) {
  const Tensor out = Tensor::empty(a.device(), a.shape(), a.dtype());
  scaled_sum_into(out, a, scale_a, b, scale_b);
  return out;
}

void add_scaled(const GradientHandle& gradient, const Tensor& output_gradient, double scale) {
  if (!gradient) return;
  gradient->add(scale == 1.0 ? output_gradient : scaled_sum(output_gradient, scale, Tensor(), 0.0));
}

}  // namespace

Variable add(Tape& tape, const Variable& a, const Variable& b, double scale_a, double scale_b) {
  require(a.shape() == b.shape(), "[add] expected one shape, got ", a.shape(), " and ", b.shape());
  return tape.record(scaled_sum(a.data(), scale_a, b.data(), scale_b), {&a, &b},
                     [scale_a, scale_b, a_gradient = a.gradient_handle(),
                      b_gradient = b.gradient_handle()](const Tensor& output_gradient) {
                       add_scaled(a_gradient, output_gradient, scale_a);
                       add_scaled(b_gradient, output_gradient, scale_b);
                     });
}

void scaled_sum_into(const Tensor& out, const Tensor& a, double scale_a, const Tensor& b,
                     double scale_b) {
  with_float_type(a.dtype(), [&]<typename T>(T) {
    const kernels::Add<T> arguments{scale_a, scale_b, a.span<T>(), b.span_or_empty<T>(),
                                    out.span<T>()};
    OBVERSE_LAUNCH(a.device(), add, arguments);
  });
}

Tensor scaled_by(const Tensor& values, const Tensor& factor) {
  const Tensor out = Tensor::empty(values.device(), values.shape(), values.dtype());
  out.copy_from(values);
  with_float_type(values.dtype(), [&]<typename T>(T) {
    const kernels::ScaleBy<T> arguments{factor.span<kernels::Accumulator<T>>(), out.span<T>()};
    OBVERSE_LAUNCH(values.device(), scale_by, arguments);
  });
  return out;
}

void fill(const Tensor& tensor, double value) {
  with_float_type(tensor.dtype(), [&]<typename T>(T) {
    kernels::Fill<T> arguments{value, tensor.span<T>()};
    OBVERSE_LAUNCH(tensor.device(), fill, arguments);
  });
}

}  // namespace obverse::engine
