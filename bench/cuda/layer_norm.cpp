#include "kernels/layer_norm/layer_norm.h"

#include "bench/cuda/norm.h"

namespace obverse::bench {
namespace {

struct LayerNorm {
  static constexpr const char* kName = "layer_norm";
  static constexpr bool kCentered = true;

  template <typename T>
  static void forward(const NormSizes& sizes, const NormSet<T>& set,
                      kernels::cuda::Stream& stream) {
    kernels::LayerNormForward<T> x{.rows = sizes.rows, .width = sizes.width};
    x.input = set.input(0);
    x.residual = set.input(1);
    x.sum = set.output(1);
    x.gain = set.gain.span();
    x.bias = set.bias.span();
    x.out = set.output(0);
    x.mean = set.mean.span();
    x.inverse_deviation = set.inverse.span();
    kernels::cuda::layer_norm_forward(x, stream);
  }

  template <typename T>
  static void backward(const NormSizes& sizes, const NormSet<T>& set,
                       kernels::cuda::Stream& stream) {
    kernels::LayerNormBackward<T> x{.rows = sizes.rows, .width = sizes.width};
    x.input = set.input(0);
    x.gain = set.gain.span();
    x.mean = set.mean.span();
    x.inverse_deviation = set.inverse.span();
    x.output_gradient = set.input(1);
    x.residual_gradient = set.input(2);
    x.input_gradient = set.output(0);
    x.gain_gradient = set.gain_gradient.span();
    x.bias_gradient = set.bias_gradient.span();
    kernels::cuda::layer_norm_backward(x, stream);
  }
};

}  // namespace

// The widths of GPT-2 124M, of 8192 and 65536 tokens, and of its largest sibling; wide rows.
void bench_layer_norm_on_device(DeviceBench& bench) {
  bench_norm<LayerNorm>(bench, {{.rows = 8192, .width = 768},
                                {.rows = 65536, .width = 768},
                                {.rows = 8192, .width = 1600},
                                {.rows = 8192, .width = 4096}});
}

}  // namespace obverse::bench
