// What both backends ask of the arguments, without reading the arrays.
#pragma once

#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/elementwise/elementwise.h"

namespace obverse::kernels {

template <typename T>
void elementwise_check(const Add<T>& x) {
  require_size("add", "a", x.out.size(), x.a.size());
  require_size_or_empty("add", "b", x.out.size(), x.b.size());
}

template <typename T>
void elementwise_check(const ScaleBy<T>& x) {
  require_size("scale_by", "factor", 1, x.factor.size());
}

template <typename From, typename To>
void elementwise_check(const Cast<From, To>& x) {
  require_size("cast", "input", x.out.size(), x.input.size());
}

}  // namespace obverse::kernels
