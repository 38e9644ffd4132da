#include "kernels/activation/activation.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

using kernels::ActivationKind;

double activated(ActivationKind kind, double x) {
  if (kind == ActivationKind::relu2) return x > 0 ? x * x : 0;
  if (kind == ActivationKind::none) return x;
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
}

double silu(double x) { return x / (1.0 + std::exp(-x)); }

template <typename T>
std::vector<T> backward(std::int64_t rows, std::int64_t width, ActivationKind kind,
                        const std::vector<T>& pre_activation,
                        const std::vector<T>& output_gradient) {
  std::vector<T> input_gradient(pre_activation.size());
  kernels::cpu::activation_backward<T>({.rows = rows,
                                        .width = width,
                                        .kind = kind,
                                        .pre_activation = span(pre_activation),
                                        .output_gradient = span(output_gradient),
                                        .input_gradient = span(input_gradient)});
  return input_gradient;
}

TEST_CASE("activation backward equals central differences", "[activation]") {
  for (const auto kind : {ActivationKind::none, ActivationKind::gelu, ActivationKind::relu2}) {
    for (const auto& [rows, width] : kTestShapes) {
      auto input = normal_values<double>(rows * width, 1);
      // A difference across relu2's kink has an error of its own.
      for (double& x : input) x += x > 0 ? 0.01 : -0.01;
      const auto weights = normal_values<double>(rows * width, 2);
      std::vector<double> expected;
      for (std::size_t i = 0; i < input.size(); ++i) {
        constexpr double kStep = 1e-3;
        const auto at = [&](double offset) { return activated(kind, input[i] + offset); };
        expected.push_back(weights[i] *
                           (8 * (at(kStep) - at(-kStep)) - (at(2 * kStep) - at(-2 * kStep))) /
                           (12 * kStep));
      }
      const auto gradient = backward(rows, width, kind, input, weights);
      check_close(gradient, expected, 1e-6, 1e-2, "input_gradient");
      const std::vector<float> input_float(input.begin(), input.end()),
          weights_float(weights.begin(), weights.end());
      check_close(backward(rows, width, kind, input_float, weights_float),
                  backward(rows, width, kind, in_double(input_float), in_double(weights_float)),
                  16 * unit<float>(), 4.0, "input_gradient in float");
    }
  }
}

TEST_CASE("activation backward may overwrite either input", "[activation]") {
  const auto input = normal_values<float>(77, 1), gradient = normal_values<float>(77, 2);
  const auto expected = backward(7, 11, ActivationKind::gelu, input, gradient);
  for (const bool over_input : {true, false}) {
    auto values = over_input ? input : gradient;
    const auto constant = span(std::as_const(values));
    kernels::cpu::activation_backward<float>(
        {.rows = 7,
         .width = 11,
         .kind = ActivationKind::gelu,
         .pre_activation = over_input ? constant : span(input),
         .output_gradient = over_input ? span(gradient) : constant,
         .input_gradient = span(values)});
    check_same_bits(values, expected, "input_gradient");
  }
}

template <typename T>
std::vector<T> swiglu(std::int64_t rows, std::int64_t width, const std::vector<T>& gate_up) {
  std::vector<T> out(gate_up.size() / 2);
  kernels::cpu::swiglu_forward<T>(
      {.rows = rows, .width = width, .gate_up = span(gate_up), .out = span(out)});
  return out;
}

TEMPLATE_TEST_CASE("swiglu forward equals plain loops", "[activation]", float, double) {
  using T = TestType;
  for (const auto& [rows, width] : kTestShapes) {
    const auto gate_up = normal_values<T>(rows * 2 * width, 1);
    std::vector<double> expected;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t i = 0; i < width; ++i) {
        const auto at = static_cast<std::size_t>(row * 2 * width + i);
        expected.push_back(silu(gate_up[at]) *
                           static_cast<double>(gate_up[at + static_cast<std::size_t>(width)]));
      }
    }
    check_close(swiglu(rows, width, gate_up), expected, 8 * unit<T>(), 0.0, "out");
  }
}

TEST_CASE("swiglu backward equals central differences, in place too", "[activation]") {
  for (const auto& [rows, width] : {RowsAndWidth{1, 1}, {3, 5}, {17, 33}}) {
    auto gate_up = normal_values<double>(rows * 2 * width, 1);
    const auto weights = normal_values<double>(rows * width, 2);
    auto gradient = gate_up;
    kernels::cpu::swiglu_backward<double>({.rows = rows,
                                           .width = width,
                                           .gate_up = span(std::as_const(gradient)),
                                           .output_gradient = span(weights),
                                           .gate_up_gradient = span(gradient)});
    check_gradient(
        gate_up,
        [&, rows = rows, width = width] { return dot(swiglu(rows, width, gate_up), weights); },
        gradient, "gate_up_gradient");
  }
}

TEST_CASE("activation names what has the wrong size", "[activation]") {
  std::vector<float> six(6), twelve(12), five(5);
  kernels::ActivationBackward<float> call{.rows = 2,
                                          .width = 3,
                                          .pre_activation = span(std::as_const(six)),
                                          .output_gradient = span(std::as_const(five)),
                                          .input_gradient = span(six)};
  const auto message = [&] { return error_of([&] { kernels::cpu::activation_backward(call); }); };
  CHECK(message() == "[activation] expected output_gradient of 6 elements, got 5");
  call.width = 0;
  CHECK(message() == "[activation] expected rows >= 0 and width > 0, got 2 and 0");
  call.width = 3;
  call.output_gradient = span(std::as_const(six));
  call.kind = static_cast<ActivationKind>(99);
  CHECK(message() == "[activation] expected a known kind, got 99");
  CHECK(error_of([&] {
          kernels::cpu::swiglu_forward<float>(
              {.rows = 2, .width = 3, .gate_up = span(std::as_const(six)), .out = span(six)});
        }) == "[swiglu] expected gate_up of 12 elements, got 6");
  CHECK(error_of([&] {
          kernels::cpu::swiglu_backward<float>({.rows = 2,
                                                .width = 3,
                                                .gate_up = span(std::as_const(twelve)),
                                                .output_gradient = span(std::as_const(five)),
                                                .gate_up_gradient = span(twelve)});
        }) == "[swiglu] expected output_gradient of 6 elements, got 5");
}

// A diverged run must not look like a result.
TEMPLATE_TEST_CASE("activations keep a NaN", "[activation]", float, double) {
  using T = TestType;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  CHECK(std::isnan(kernels::activate<ActivationKind::relu2>(nan)));
  CHECK(std::isnan(kernels::activation_slope<ActivationKind::relu2>(nan)));
  CHECK(std::isnan(kernels::activate<ActivationKind::gelu>(nan)));
  CHECK(std::isnan(kernels::activation_slope<ActivationKind::gelu>(nan)));
  CHECK(kernels::activate<ActivationKind::relu2>(T(-2)) == T(0));
  CHECK(kernels::activation_slope<ActivationKind::relu2>(T(-2)) == T(0));
}

}  // namespace
}  // namespace obverse::tests
