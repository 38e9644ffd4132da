// What every implementation of layer_norm asks of its arguments.
#pragma once

#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/layer_norm/layer_norm.h"

namespace obverse::kernels {

// Throws where the contract of LayerNormForward is broken.
template <typename T>
void check_layer_norm(const LayerNormForward<T>& x) {
  require(x.rows >= 0 && x.width > 0, "[layer_norm] expected rows >= 0 and width > 0, got ", x.rows,
          " and ", x.width);
  const std::int64_t elements = x.rows * x.width;
  require_size("layer_norm", "input", elements, x.input.size());
  require_size_or_empty("layer_norm", "residual", elements, x.residual.size());
  require_size("layer_norm", x.residual.empty() ? "sum without a residual" : "sum",
               x.residual.size(), x.sum.size());
  require_size("layer_norm", "gain", x.width, x.gain.size());
  require_size_or_empty("layer_norm", "bias", x.width, x.bias.size());
  require_size("layer_norm", "out", elements, x.out.size());
  require_size("layer_norm", "mean", x.rows, x.mean.size());
  require_size("layer_norm", "inverse_deviation", x.rows, x.inverse_deviation.size());
}

// The same of LayerNormBackward.
template <typename T>
void check_layer_norm(const LayerNormBackward<T>& x) {
  require(x.rows >= 0 && x.width > 0, "[layer_norm] expected rows >= 0 and width > 0, got ", x.rows,
          " and ", x.width);
  const std::int64_t elements = x.rows * x.width;
  require_size("layer_norm", "input", elements, x.input.size());
  require_size("layer_norm", "gain", x.width, x.gain.size());
  require_size("layer_norm", "mean", x.rows, x.mean.size());
  require_size("layer_norm", "inverse_deviation", x.rows, x.inverse_deviation.size());
  require_size("layer_norm", "output_gradient", elements, x.output_gradient.size());
  require_size_or_empty("layer_norm", "residual_gradient", elements, x.residual_gradient.size());
  require_size("layer_norm", "input_gradient", elements, x.input_gradient.size());
  require_size("layer_norm", "gain_gradient", x.width, x.gain_gradient.size());
  require_size_or_empty("layer_norm", "bias_gradient", x.width, x.bias_gradient.size());
}

}  // namespace obverse::kernels
