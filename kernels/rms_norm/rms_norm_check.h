// What every implementation of rms_norm asks of its arguments.
#pragma once

#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/rms_norm/rms_norm.h"

namespace obverse::kernels {

inline void check_rms_norm_shape(const RmsNormShape& shape) {
  require(shape.groups >= 0 && shape.rows >= 0 && shape.width > 0,
          "[rms_norm] expected groups >= 0, rows >= 0 and width > 0, got ", shape.groups, ", ",
          shape.rows, " and ", shape.width);
  require(shape.groups <= 1 || shape.stride >= shape.rows * shape.width,
          "[rms_norm] expected a stride of at least ", shape.rows * shape.width, ", got ",
          shape.stride);
}

// An array laid out by `shape` may go on behind its last group.
inline void check_rms_norm_array(const RmsNormShape& shape, const char* buffer,
                                 std::int64_t actual) {
  if (shape.groups == 0) return;
  const std::int64_t least = (shape.groups - 1) * shape.stride + shape.rows * shape.width;
  require(actual >= least, "[rms_norm] expected ", buffer, " of at least ", least,
          " elements, got ", actual);
}

// Throws where the contract of RmsNormForward is broken.
template <typename T>
void check_rms_norm(const RmsNormForward<T>& x) {
  check_rms_norm_shape(x.shape);
  check_rms_norm_array(x.shape, "input", x.input.size());
  if (x.residual.empty()) {
    require_size("rms_norm", "sum without a residual", 0, x.sum.size());
  } else {
    check_rms_norm_array(x.shape, "residual", x.residual.size());
    check_rms_norm_array(x.shape, "sum", x.sum.size());
  }
  check_rms_norm_array(x.shape, "out", x.out.size());
  require_size("rms_norm", "gain", x.shape.width, x.gain.size());
  require_size("rms_norm", "inverse_rms", x.shape.groups * x.shape.rows, x.inverse_rms.size());
}

// The same of RmsNormBackward.
template <typename T>
void check_rms_norm(const RmsNormBackward<T>& x) {
  check_rms_norm_shape(x.shape);
  check_rms_norm_array(x.shape, "input", x.input.size());
  check_rms_norm_array(x.shape, "output_gradient", x.output_gradient.size());
  if (!x.residual_gradient.empty()) {
    check_rms_norm_array(x.shape, "residual_gradient", x.residual_gradient.size());
  }
  check_rms_norm_array(x.shape, "input_gradient", x.input_gradient.size());
  require_size("rms_norm", "gain", x.shape.width, x.gain.size());
  require_size("rms_norm", "inverse_rms", x.shape.groups * x.shape.rows, x.inverse_rms.size());
  require_size("rms_norm", "gain_gradient", x.shape.width, x.gain_gradient.size());
}

}  // namespace obverse::kernels
