#include "kernels/core/norm_backward.cuh"
#include "kernels/core/norm_forward.cuh"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rms_norm/rms_norm_check.h"

namespace obverse::kernels::cuda {
namespace {

norm::RowLayout layout_of(const RmsNormShape& shape) {
  return norm::row_layout("rms_norm", shape.groups, shape.rows, shape.width, shape.stride);
}

}  // namespace

template <typename T>
void rms_norm_forward(const RmsNormForward<T>& x, Stream& stream) {
  check_rms_norm(x);
  norm::forward<norm::Centering::none>("rms_norm forward",
                                       norm::Forward<T>{.layout = layout_of(x.shape),
                                                        .epsilon = static_cast<float>(x.epsilon),
                                                        .input = x.input,
                                                        .residual = x.residual,
                                                        .sum = x.sum,
                                                        .gain = x.gain,
                                                        .out = x.out,
                                                        .inverse = x.inverse_rms},
                                       stream);
}

template <typename T>
void rms_norm_backward(const RmsNormBackward<T>& x, Stream& stream) {
  check_rms_norm(x);
  norm::backward<norm::Centering::none>("rms_norm backward",
                                        norm::Backward<T>{.layout = layout_of(x.shape),
                                                          .input = x.input,
                                                          .gain = x.gain,
                                                          .inverse = x.inverse_rms,
                                                          .output_gradient = x.output_gradient,
                                                          .residual_gradient = x.residual_gradient,
                                                          .input_gradient = x.input_gradient,
                                                          .gain_gradient = x.gain_gradient},
                                        stream);
}

template void rms_norm_forward(const RmsNormForward<float>&, Stream&);
template void rms_norm_forward(const RmsNormForward<bf16>&, Stream&);
template void rms_norm_backward(const RmsNormBackward<float>&, Stream&);
template void rms_norm_backward(const RmsNormBackward<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda
