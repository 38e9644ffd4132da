#include "kernels/core/norm_backward.cuh"
#include "kernels/core/norm_forward.cuh"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/layer_norm/layer_norm_check.h"

namespace obverse::kernels::cuda {

template <typename T>
void layer_norm_forward(const LayerNormForward<T>& x, Stream& stream) {
  check_layer_norm(x);
  norm::forward<norm::Centering::mean>(
      "layer_norm forward",
      norm::Forward<T>{.layout = norm::row_layout("layer_norm", 1, x.rows, x.width, 0),
                       .epsilon = static_cast<float>(x.epsilon),
                       .input = x.input,
                       .residual = x.residual,
                       .sum = x.sum,
                       .gain = x.gain,
                       .bias = x.bias,
                       .out = x.out,
                       .mean = x.mean,
                       .inverse = x.inverse_deviation},
      stream);
}

template <typename T>
void layer_norm_backward(const LayerNormBackward<T>& x, Stream& stream) {
  check_layer_norm(x);
  norm::backward<norm::Centering::mean>(
      "layer_norm backward",
      norm::Backward<T>{.layout = norm::row_layout("layer_norm", 1, x.rows, x.width, 0),
                        .input = x.input,
                        .gain = x.gain,
                        .mean = x.mean,
                        .inverse = x.inverse_deviation,
                        .output_gradient = x.output_gradient,
                        .residual_gradient = x.residual_gradient,
                        .input_gradient = x.input_gradient,
                        .gain_gradient = x.gain_gradient,
                        .bias_gradient = x.bias_gradient},
      stream);
}

template void layer_norm_forward(const LayerNormForward<float>&, Stream&);
template void layer_norm_forward(const LayerNormForward<bf16>&, Stream&);
template void layer_norm_backward(const LayerNormBackward<float>&, Stream&);
template void layer_norm_backward(const LayerNormBackward<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda
