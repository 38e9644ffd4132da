// What both backends ask of the arguments, without reading the arrays, and how they choose code by
// the kind of an activation.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/core/check.h"

namespace obverse::kernels {

inline void activation_check_shape(std::int64_t rows, std::int64_t width) {
  require(rows >= 0 && width > 0, "[activation] expected rows >= 0 and width > 0, got ", rows,
          " and ", width);
}

template <typename T>
void activation_check(const ActivationBackward<T>& x) {
  const std::int64_t count = x.rows * x.width;
  activation_check_shape(x.rows, x.width);
  require_size("activation", "pre_activation", count, x.pre_activation.size());
  require_size("activation", "output_gradient", count, x.output_gradient.size());
  require_size("activation", "input_gradient", count, x.input_gradient.size());
}

template <typename T>
void activation_check(const SwigluForward<T>& x) {
  activation_check_shape(x.rows, x.width);
  require_size("swiglu", "gate_up", x.rows * 2 * x.width, x.gate_up.size());
  require_size("swiglu", "out", x.rows * x.width, x.out.size());
}

template <typename T>
void activation_check(const SwigluBackward<T>& x) {
  activation_check_shape(x.rows, x.width);
  require_size("swiglu", "gate_up", x.rows * 2 * x.width, x.gate_up.size());
  require_size("swiglu", "output_gradient", x.rows * x.width, x.output_gradient.size());
  require_size("swiglu", "gate_up_gradient", x.rows * 2 * x.width, x.gate_up_gradient.size());
}

// body.operator()<kind>() with `kind` known to the compiler.
template <typename Body>
void with_activation_kind(ActivationKind kind, const Body& body) {
  switch (kind) {
    case ActivationKind::none:
      return body.template operator()<ActivationKind::none>();
    case ActivationKind::gelu:
      return body.template operator()<ActivationKind::gelu>();
    case ActivationKind::relu2:
      return body.template operator()<ActivationKind::relu2>();
  }
  fail("[activation] expected a known kind, got ", static_cast<int>(kind));
}

}  // namespace obverse::kernels
