// Central differences: the gradient of any function, slowly and to about ten digits.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/random_values.h"

namespace obverse::tests {

// Compares `gradient` with the change of `loss()` as each of `values` moves a little. Relative to
// 1e-6 of the gradient or of the largest gradient's hundredth, whichever is larger: a vanishing
// element has no digits of its own.
inline void check_gradient(std::vector<double>& values, const std::function<double()>& loss,
                           const std::vector<double>& gradient, const std::string& what) {
  // The difference's own error is h^4 f'''''/30 + 1e-16 |loss| / h: smallest near h = 1e-3 for
  // values near 1.
  constexpr double kStep = 1e-3;
  std::vector<double> expected(values.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double kept = values[i];
    const auto at = [&](double offset) {
      values[i] = kept + offset;
      const double result = loss();
      values[i] = kept;
      return result;
    };
    // Fourth order, so that 1e-6 is far above the difference's error.
    expected[i] =
        (8.0 * (at(kStep) - at(-kStep)) - (at(2 * kStep) - at(-2 * kStep))) / (12.0 * kStep);
    largest = std::max(largest, std::abs(expected[i]));
  }
  check_close(gradient, expected, 1e-6, largest * 1e-2, what);
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace obverse::tests
