#include "kernels/activation/activation.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/backends/pointwise_cases.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::ActivationKind;

// By the C library, in float and in double.
template <typename Number>
Number slope_of(ActivationKind kind, Number x) {
  if (kind == ActivationKind::none) return 1;
  if (kind == ActivationKind::relu2) return x > 0 ? 2 * x : 0;
  const auto scale = static_cast<Number>(kernels::kGeluScale),
             cubic = static_cast<Number>(kernels::kGeluCubic);
  const Number t = std::tanh(scale * (x + cubic * x * x * x));
  return (1 + t) / 2 + x / 2 * (1 - t * t) * scale * (1 + 3 * cubic * x * x);
}

template <typename Number>
Number sigmoid_of(Number x) {
  return 1 / (1 + std::exp(-x));
}
template <typename Number>
Number silu_of(Number x) {
  return x * sigmoid_of(x);
}
template <typename Number>
Number silu_slope_of(Number x) {
  const Number s = sigmoid_of(x);
  return s * (1 + x * (1 - s));
}

// A function of one element's inputs, for check_each: in double and in float.
template <typename Number, typename T>
Number at(const std::vector<T>& values, std::size_t i) {
  return static_cast<Number>(values[i]);
}

enum class Over { nothing, pre_activation, output_gradient };

template <typename T>
std::vector<T> multiplied(ActivationKind kind, const PointwiseCase& shape,
                          const std::vector<T>& pre_activations, const std::vector<T>& gradients,
                          Over over = Over::nothing) {
  Guarded<T> pre_activation(pre_activations, shape.shift_a), gradient(gradients, shape.shift_b);
  auto out = Guarded<T>::poisoned(shape.count, shape.shift_out);
  Guarded<T>& written = over == Over::pre_activation    ? pre_activation
                        : over == Over::output_gradient ? gradient
                                                        : out;
  kernels::ActivationBackward<T> x;
  x.rows = shape.count;
  x.width = 1;
  x.kind = kind;
  x.pre_activation = pre_activation.span();
  x.output_gradient = gradient.span();
  x.input_gradient = written.span();
  OBVERSE_RUN(activation_backward, x);
  return written.to_vector();
}

constexpr ActivationKind kKinds[] = {ActivationKind::none, ActivationKind::gelu,
                                     ActivationKind::relu2};

TEMPLATE_TEST_CASE("activation backward equals double arithmetic, in place too", "[activation]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const ActivationKind kind : kKinds) {
    for (const PointwiseCase& shape : kPointwiseCases) {
      const auto x = normal_in<T>(shape.count, 1), gradient = normal_in<T>(shape.count, 2);
      const auto out = multiplied(kind, shape, x, gradient);
      const auto of = [&]<typename Number>(std::size_t i, Number /*type*/) {
        return at<Number>(gradient, i) * slope_of(kind, at<Number>(x, i));
      };
      check_each(
          out, [&](std::size_t i) { return of(i, 0.0); },
          [&](std::size_t i) { return of(i, 0.0f); },
          "kind " + std::to_string(static_cast<int>(kind)));
      check_same_bits(multiplied(kind, shape, x, gradient, Over::pre_activation), out,
                      "over pre_activation");
      check_same_bits(multiplied(kind, shape, x, gradient, Over::output_gradient), out,
                      "over output_gradient");
    }
  }
}

TEMPLATE_TEST_CASE("activation backward lets no NaN vanish, and saturates", "[activation]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const T nan(std::numeric_limits<float>::quiet_NaN());
  for (const ActivationKind kind : kKinds) {
    const std::vector<T> far{T(-1000.0f), T(1000.0f), T(-30.0f), T(30.0f)}, two(4, T(2.0f));
    const auto out = multiplied<T>(kind, {.count = 4}, far, two);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(static_cast<double>(out[i]) ==
            Approx(2.0 * slope_of(kind, static_cast<double>(far[i]))).margin(1e-20));
    }
    for (const bool in_gradient : {true, false}) {
      if (kind == ActivationKind::none && !in_gradient) continue;
      auto x = normal_in<T>(4099, 1), gradient = normal_in<T>(4099, 2);
      auto& spoiled = in_gradient ? gradient : x;
      spoiled[3] = spoiled[4098] = nan;
      const auto spread = multiplied(kind, {.count = 4099}, x, gradient);
      for (std::size_t i = 0; i < spread.size(); ++i) {
        REQUIRE(std::isnan(static_cast<float>(spread[i])) == (i == 3 || i == 4098));
      }
    }
  }
}

// ---- SwiGLU ----

struct SwigluCase {
  std::int64_t rows, width;
  PointwiseCase shifts{};  // of gate_up, the output's gradient, and what is written
};
// Widths that are whole vectors of float, of bf16 too, and of neither; rows within a block's
// elements and across them.
const SwigluCase kSwigluCases[] = {{0, 8},
                                   {1, 1},
                                   {3, 5},
                                   {17, 33},
                                   {17, 36},
                                   {5, 64},
                                   {2, 1000},
                                   {70, 72},
                                   {1, 4096},
                                   {3, 64, {0, 1}},
                                   {3, 64, {0, 0, 3}},
                                   {3, 64, {0, 0, 0, 1}},
                                   {2, 2056},
                                   {9, 512, {0, 8, 8, 8}}};

// Of element i of [rows, width].
template <typename T>
struct GateUp {
  const std::vector<T>& values;
  std::size_t width;
  std::size_t gate_place(std::size_t i) const { return i + i / width * width; }
  template <typename Number>
  Number gate(std::size_t i) const {
    return static_cast<Number>(values[gate_place(i)]);
  }
  template <typename Number>
  Number up(std::size_t i) const {
    return static_cast<Number>(values[gate_place(i) + width]);
  }
};

template <typename T>
std::vector<T> swiglu(const SwigluCase& shape, const std::vector<T>& gate_up_values) {
  Guarded<T> gate_up(gate_up_values, shape.shifts.shift_a);
  auto out = Guarded<T>::poisoned(shape.rows * shape.width, shape.shifts.shift_out);
  kernels::SwigluForward<T> x;
  x.rows = shape.rows;
  x.width = shape.width;
  x.gate_up = gate_up.span();
  x.out = out.span();
  OBVERSE_RUN(swiglu_forward, x);
  return out.to_vector();
}

template <typename T>
std::vector<T> swiglu_gradient(const SwigluCase& shape, const std::vector<T>& gate_up_values,
                               const std::vector<T>& gradient_values, bool in_place = false) {
  Guarded<T> gate_up(gate_up_values, shape.shifts.shift_a),
      gradient(gradient_values, shape.shifts.shift_b);
  auto out = Guarded<T>::poisoned(2 * shape.rows * shape.width, shape.shifts.shift_out);
  Guarded<T>& written = in_place ? gate_up : out;
  kernels::SwigluBackward<T> x;
  x.rows = shape.rows;
  x.width = shape.width;
  x.gate_up = gate_up.span();
  x.output_gradient = gradient.span();
  x.gate_up_gradient = written.span();
  OBVERSE_RUN(swiglu_backward, x);
  return written.to_vector();
}

TEMPLATE_TEST_CASE("swiglu equals double arithmetic both ways, in place too", "[activation]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const SwigluCase& shape : kSwigluCases) {
    const auto values = normal_in<T>(2 * shape.rows * shape.width, 1),
               gradient = normal_in<T>(shape.rows * shape.width, 2);
    const GateUp<T> gate_up{values, static_cast<std::size_t>(shape.width)};
    const auto forward = [&]<typename Number>(std::size_t i, Number /*type*/) {
      return silu_of(gate_up.template gate<Number>(i)) * gate_up.template up<Number>(i);
    };
    check_each(
        swiglu(shape, values), [&](std::size_t i) { return forward(i, 0.0); },
        [&](std::size_t i) { return forward(i, 0.0f); }, "out");

    // Of element i of [rows, 2, width].
    const auto backward = [&]<typename Number>(std::size_t i, Number /*type*/) {
      const auto width = gate_up.width, row = i / (2 * width), column = i % width;
      const std::size_t of = row * width + column;
      const auto gate = gate_up.template gate<Number>(of), g = at<Number>(gradient, of);
      return i / width % 2 == 1 ? g * silu_of(gate)
                                : g * gate_up.template up<Number>(of) * silu_slope_of(gate);
    };
    const auto out = swiglu_gradient(shape, values, gradient);
    check_each(
        out, [&](std::size_t i) { return backward(i, 0.0); },
        [&](std::size_t i) { return backward(i, 0.0f); }, "gate_up_gradient");
    check_same_bits(swiglu_gradient(shape, values, gradient, true), out, "over gate_up");
  }
}

TEMPLATE_TEST_CASE("swiglu lets no NaN vanish", "[activation]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const SwigluCase shape{3, 8};
  const T nan(std::numeric_limits<float>::quiet_NaN());
  auto values = normal_in<T>(48, 1), gradient = normal_in<T>(24, 2);
  values[16 + 2] = nan;      // a gate of row 1
  values[16 + 8 + 5] = nan;  // an up of row 1
  const auto out = swiglu(shape, values);
  const auto both = swiglu_gradient(shape, values, gradient);
  for (std::size_t i = 0; i < out.size(); ++i) {
    CHECK(std::isnan(static_cast<float>(out[i])) == (i == 8 + 2 || i == 8 + 5));
  }
  for (std::size_t i = 0; i < both.size(); ++i) {
    CHECK(std::isnan(static_cast<float>(both[i])) ==
          (i == 16 + 2 || i == 16 + 8 + 2 || i == 16 + 5));
  }
}

TEMPLATE_TEST_CASE("activations give the same in every order", "[activation]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const SwigluCase shape{40, 104};
  const auto values = normal_in<T>(2 * shape.rows * shape.width, 1),
             gradient = normal_in<T>(shape.rows * shape.width, 2);
  check_deterministic([&] { return swiglu(shape, values); }, "out");
  check_deterministic([&] { return swiglu_gradient(shape, values, gradient, true); },
                      "gate_up_gradient");
  const PointwiseCase flat{.count = 8320};
  const auto other = normal_in<T>(flat.count, 3);
  check_deterministic(
      [&] { return multiplied(ActivationKind::gelu, flat, values, other, Over::pre_activation); },
      "input_gradient");
}

TEST_CASE("activation kernels name what is wrong", "[activation]") {
  Buffer<float> five(std::vector<float>(5)), six(std::vector<float>(6)),
      twelve(std::vector<float>(12));
  kernels::ActivationBackward<float> backward;
  backward.rows = 2;
  backward.width = 3;
  backward.pre_activation = six.span();
  backward.output_gradient = five.span();
  backward.input_gradient = six.span();
  const auto message = [&] {
    return error_of([&] { OBVERSE_RUN(activation_backward, backward); });
  };
  CHECK(message() == "[activation] expected output_gradient of 6 elements, got 5");
  backward.width = 0;
  CHECK(message() == "[activation] expected rows >= 0 and width > 0, got 2 and 0");
  backward.width = 3;
  backward.output_gradient = six.span();
  backward.kind = static_cast<ActivationKind>(99);
  CHECK(message() == "[activation] expected a known kind, got 99");
  kernels::SwigluForward<float> forward;
  forward.rows = 2;
  forward.width = 3;
  forward.gate_up = six.span();
  forward.out = six.span();
  CHECK(error_of([&] { OBVERSE_RUN(swiglu_forward, forward); }) ==
        "[swiglu] expected gate_up of 12 elements, got 6");
  kernels::SwigluBackward<float> gradient;
  gradient.rows = 2;
  gradient.width = 3;
  gradient.gate_up = twelve.span();
  gradient.output_gradient = five.span();
  gradient.gate_up_gradient = twelve.span();
  CHECK(error_of([&] { OBVERSE_RUN(swiglu_backward, gradient); }) ==
        "[swiglu] expected output_gradient of 6 elements, got 5");
}

}  // namespace
}  // namespace obverse::tests
