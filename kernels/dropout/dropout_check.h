// What both backends check, and how they compare draws: in integers, the same on both.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/dropout/dropout.h"

namespace obverse::kernels {

template <typename T>
void dropout_check(const Dropout<T>& x) {
  require(x.rate >= 0 && x.rate < 1, "[dropout] expected a rate of at least 0 and below 1, got ",
          x.rate);
  require_size_or_empty("dropout", "step", 1, x.step.size());
  require_size("dropout", "input", x.out.size(), x.input.size());
  require_size_or_empty("dropout", "residual", x.out.size(), x.residual.size());
}

// uniform(key, i) < rate says the same of the word behind it as (word >> 8) < threshold: both sides
// times 2^24 are exact, and the left one is whole.
inline std::uint32_t dropout_threshold(double rate) {
  return static_cast<std::uint32_t>(std::ceil(rate * 0x1p24));
}

}  // namespace obverse::kernels
