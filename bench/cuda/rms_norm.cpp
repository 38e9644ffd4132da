#include "kernels/rms_norm/rms_norm.h"

#include "bench/cuda/norm.h"

namespace obverse::bench {
namespace {

struct RmsNorm {
  static constexpr const char* kName = "rms_norm";
  static constexpr bool kCentered = false;

  static kernels::RmsNormShape shape_of(const NormSizes& sizes) {
    return {sizes.groups, sizes.rows, sizes.width, sizes.stride};
  }

  template <typename T>
  static void forward(const NormSizes& sizes, const NormSet<T>& set,
                      kernels::cuda::Stream& stream) {
    kernels::RmsNormForward<T> x;
    x.shape = shape_of(sizes);
    x.input = set.input(0);
    x.residual = set.input(1);
    x.sum = set.output(1);
    x.gain = set.gain.span();
    x.out = set.output(0);
    x.inverse_rms = set.inverse.span();
    kernels::cuda::rms_norm_forward(x, stream);
  }

  template <typename T>
  static void backward(const NormSizes& sizes, const NormSet<T>& set,
                       kernels::cuda::Stream& stream) {
    kernels::RmsNormBackward<T> x;
    x.shape = shape_of(sizes);
    x.input = set.input(0);
    x.gain = set.gain.span();
    x.inverse_rms = set.inverse.span();
    x.output_gradient = set.input(1);
    x.residual_gradient = set.input(2);
    x.input_gradient = set.output(0);
    x.gain_gradient = set.gain_gradient.span();
    kernels::cuda::rms_norm_backward(x, stream);
  }
};

}  // namespace

// Rows of GPT-2 124M's width and of a Llama's, and the query heads of their packed projections.
void bench_rms_norm_on_device(DeviceBench& bench) {
  bench_norm<RmsNorm>(bench,
                      {{.rows = 8192, .width = 768},
                       {.rows = 65536, .width = 768},
                       {.rows = 8192, .width = 4096},
                       {.groups = 8192, .rows = 12, .width = 64, .stride = 3 * 12 * 64},
                       {.groups = 8192, .rows = 32, .width = 128, .stride = (32 + 2 * 8) * 128}});
}

}  // namespace obverse::bench
