// What both backends ask of a reduction's arguments, without reading the arrays.
#pragma once

#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/reduction/reduction.h"

namespace obverse::kernels {

template <typename T>
void check_gradient_norm(const GradientNorm<T>& x) {
  require(x.maximum_norm >= 0, "[gradient_norm] expected maximum_norm of at least 0, got ",
          x.maximum_norm);
  require_size_or_empty("gradient_norm", "loss", 1, x.loss.size());
  require_size("gradient_norm", "norm", 1, x.norm.size());
  require_size("gradient_norm", "clip_scale", 1, x.clip_scale.size());
}

template <typename T>
void check_column_sum(const ColumnSum<T>& x) {
  require(x.rows >= 0 && x.width > 0, "[column_sum] expected rows >= 0 and width > 0, got ", x.rows,
          " and ", x.width);
  require_size("column_sum", "input", x.rows * x.width, x.input.size());
  require_size("column_sum", "out", x.width, x.out.size());
}

template <typename T>
void check_weighted_sum(const WeightedSum<T>& x) {
  require_size_or_empty("weighted_sum", "factor", 1, x.factor.size());
  require_size_or_empty("weighted_sum", "weights", x.input.size(), x.weights.size());
  require_size("weighted_sum", "out", 1, x.out.size());
}

}  // namespace obverse::kernels
