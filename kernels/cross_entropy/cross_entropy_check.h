// What both backends ask of a cross-entropy's arguments, without reading the arrays.
#pragma once

#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::kernels {

template <typename T>
void check_cross_entropy(const CrossEntropy<T>& x) {
  require(x.tokens >= 0 && x.vocabulary > 0,
          "[cross_entropy] expected tokens >= 0 and vocabulary > 0, got ", x.tokens, " and ",
          x.vocabulary);
  require_size("cross_entropy", "targets", x.tokens, x.targets.size());
  require_size_or_empty("cross_entropy", "weights", x.tokens, x.weights.size());
  require_size_or_empty("cross_entropy", "gradient_factor", 1, x.gradient_factor.size());
  require_size("cross_entropy", "logits", x.tokens * x.vocabulary, x.logits.size());
  require_size("cross_entropy", "losses", x.tokens, x.losses.size());
}

}  // namespace obverse::kernels
