// Pointwise kernels: out = scale_a * a + scale_b * b, fills and copies.
#pragma once

#include <cstdint>

#include "kernels/core/span.h"

namespace obverse::kernels {

template <typename T>
struct Add {
  double scale_a = 1.0, scale_b = 1.0;
  Span<const T> a;  // [count]
  Span<const T> b;  // [count] or empty: out = scale_a * a
  Span<T> out;      // [count]; may be a or b itself
};

template <typename T>
struct Fill {
  double value = 0.0;
  Span<T> out;  // [count]
};

namespace cpu {
template <typename T>
void add(const Add<T>& arguments);
template <typename T>
void fill(const Fill<T>& arguments);
}  // namespace cpu

}  // namespace obverse::kernels
