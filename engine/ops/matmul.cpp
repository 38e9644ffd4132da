#include "engine/ops/matmul.h"

#include "engine/autograd/launch.h"
#include "kernels/activation/activation.h"
#include "kernels/matmul/matmul.h"
#include "kernels/reduction/reduction.h"

namespace obverse::engine {
namespace {

using kernels::ActivationKind;

struct Sizes {
  std::int64_t rows, input, output;
};

Shape with_last(const Shape& shape, std::int64_t last) {
  switch (shape.dimensions()) {
    case 1:
      return {last};
    case 2:
      return {shape[0], last};
    case 3:
      return {shape[0], shape[1], last};
    default:
      return {shape[0], shape[1], shape[2], last};
  }
}

Sizes sizes_of(const Tensor& input, const Tensor& weight) {
  require(weight.shape().dimensions() == 2 && input.shape().dimensions() >= 1 &&
              input.shape()[-1] == weight.shape()[1],
          "[linear] expected input [..., ",
          weight.shape().dimensions() == 2 ? weight.shape()[1] : 0, "] for weight ", weight.shape(),
          ", got ", input.shape());
  const std::int64_t width = weight.shape()[1];
  return {width == 0 ? 0 : input.elements() / width, width, weight.shape()[0]};
}

template <typename T, typename Out>
void multiply(const Device& device, const kernels::Matmul<T, Out>& product) {
  if (device.kind() == DeviceKind::cuda && device.matmul_choice() == MatmulChoice::cublas) {
#ifdef OBVERSE_WITH_CUBLAS
    if constexpr (kCudaTakes<T>) {
      const ObservedLaunch observed(device, "matmul");
      kernels::cuda::matmul_cublas(product, device.stream());
      return;
    }
#else
    fail(why_no_cublas());
#endif
  }
  OBVERSE_LAUNCH(device, matmul, product);
}

// out = product, or added to it: in T, or in the wider type that gradients of parameters have.
template <typename T>
void multiply_into(const Gradient::Target& target, kernels::Matmul<T> product) {
  const Device& device = target.tensor.device();
  if (target.tensor.dtype() == dtype_of<T>()) {
    product.accumulate = target.accumulate;
    product.out = target.tensor.span<T>();
    multiply(device, product);
    return;
  }
  using Sum = kernels::Accumulator<T>;
  kernels::Matmul<T, Sum> wide{.m = product.m,
                               .n = product.n,
                               .k = product.k,
                               .transpose_a = product.transpose_a,
                               .transpose_b = product.transpose_b,
                               .a = product.a,
                               .b = product.b,
                               .accumulate = target.accumulate,
                               .out = target.tensor.span<Sum>()};
  multiply(device, wide);
}

template <typename T>
void multiply_gradients(const Sizes& sizes, const Tensor& input, const Tensor& weight,
                        const GradientHandle& input_gradient, const GradientHandle& weight_gradient,
                        const Tensor& gradient) {
  const Device& device = gradient.device();
  if (input_gradient) {
    kernels::Matmul<T> product{.m = sizes.rows, .n = sizes.input, .k = sizes.output};
    product.a = gradient.span<T>();
    product.b = weight.span<T>();
    multiply_into(input_gradient->target(device), product);
  }
  if (weight_gradient) {
    kernels::Matmul<T> product{.m = sizes.output, .n = sizes.input, .k = sizes.rows};
    product.transpose_a = true;
    product.a = gradient.span<T>();
    product.b = input.span<T>();
    multiply_into(weight_gradient->target(device), product);
  }
}

template <typename T>
void add_column_sums(const Sizes& sizes, const GradientHandle& bias_gradient,
                     const Tensor& gradient) {
  const Tensor out = bias_gradient->running_sum(gradient.device());
  kernels::ColumnSum<T> sum{sizes.rows, sizes.output, gradient.span<T>(),
                            out.span<kernels::Accumulator<T>>()};
  OBVERSE_LAUNCH(gradient.device(), column_sum, sum);
}

// The gradient before the activation; `pre_activation` is overwritten by it where nobody else holds
// it.
template <typename T>
Tensor through_activation(const Sizes& sizes, ActivationKind activation,
                          const Tensor& pre_activation, const Tensor& gradient) {
  const Tensor out = pre_activation.unique()
                         ? pre_activation
                         : Tensor::empty(gradient.device(), gradient.shape(), gradient.dtype());
  kernels::ActivationBackward<T> backward;
  backward.rows = sizes.rows;
  backward.width = sizes.output;
  backward.kind = activation;
  backward.pre_activation = pre_activation.span<T>();
  backward.output_gradient = gradient.span<T>();
  backward.input_gradient = out.span<T>();
  OBVERSE_LAUNCH(gradient.device(), activation_backward, backward);
  return out;
}

}  // namespace

Tensor linear_unrounded(const Tensor& input, const Tensor& weight) {
  const Sizes sizes = sizes_of(input, weight);
  const Tensor out = Tensor::empty(input.device(), with_last(input.shape(), sizes.output),
                                   accumulator_of(input.dtype()));
  with_float_type(input.dtype(), [&]<typename T>(T) {
    kernels::Matmul<T> product{.m = sizes.rows, .n = sizes.output, .k = sizes.input};
    product.transpose_b = true;
    product.a = input.span<T>();
    product.b = weight.span<T>();
    multiply_into({out, false}, product);
  });
  return out;
}

std::string why_no_cublas() {
#ifdef OBVERSE_WITH_CUBLAS
  return {};
#else
  return "[matmul] expected own, got cublas, which this build has not";
#endif
}

Variable linear(Tape& tape, const Variable& input, const Variable& weight,
                const LinearOptions& options) {
  const Sizes sizes = sizes_of(input.data(), weight.data());
  const Shape shape = with_last(input.shape(), sizes.output);
  const Tensor out = Tensor::empty(tape.device(), shape, input.data().dtype());
  const Variable none;
  const Variable& bias = options.bias != nullptr ? *options.bias : none;
  const Variable& residual = options.residual != nullptr ? *options.residual : none;
  if (residual.defined()) {
    require(residual.shape() == shape, "[linear] expected a residual of shape ", shape, ", got ",
            residual.shape());
  }
  const bool activated = options.activation != ActivationKind::none;
  Tensor pre_activation;
  if (activated && (tape.recording() || residual.defined())) {
    pre_activation = Tensor::empty(tape.device(), shape, input.data().dtype());
  }
  with_float_type(input.data().dtype(), [&]<typename T>(T) {
    kernels::Matmul<T> product{.m = sizes.rows, .n = sizes.output, .k = sizes.input};
    product.transpose_b = true;
    product.a = input.data().span<T>();
    product.b = weight.data().span<T>();
    product.bias = bias.data().span_or_empty<T>();
    product.residual = residual.data().span_or_empty<T>();
    product.activation = options.activation;
    product.pre_activation = pre_activation.span_or_empty<T>();
    product.out = out.span<T>();
    multiply(tape.device(), product);
  });
  return tape.record(
      out, {&input, &weight, &bias, &residual},
      [sizes, activation = options.activation, pre_activation = std::move(pre_activation),
       input_data = weight.requires_gradient() ? input.data() : Tensor(),
       weight_data = input.requires_gradient() ? weight.data() : Tensor(),
       input_gradient = input.gradient_handle(), weight_gradient = weight.gradient_handle(),
       bias_gradient = bias.gradient_handle(),
       residual_gradient = residual.gradient_handle()](const Tensor& output_gradient) {
        with_float_type(output_gradient.dtype(), [&]<typename T>(T) {
          Tensor gradient = output_gradient;
          if (activation != ActivationKind::none) {
            gradient = through_activation<T>(sizes, activation, pre_activation, output_gradient);
          }
          multiply_gradients<T>(sizes, input_data, weight_data, input_gradient, weight_gradient,
                                gradient);
          if (bias_gradient) add_column_sums<T>(sizes, bias_gradient, gradient);
        });
        if (residual_gradient) residual_gradient->add(output_gradient);
      });
}

}  // namespace obverse::engine
