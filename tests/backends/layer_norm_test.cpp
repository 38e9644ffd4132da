#include "kernels/layer_norm/layer_norm.h"

#include <cstdint>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/norm_reference.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::LayerNormBackward;
using kernels::LayerNormForward;

struct LayerNorm {
  static constexpr bool kCentered = true;

  template <typename T>
  static void forward(const NormCase& c, const NormForwardArrays<T>& x) {
    const LayerNormForward<T> arguments{.rows = c.all_rows(),
                                        .width = c.width,
                                        .epsilon = x.epsilon,
                                        .input = x.input,
                                        .residual = x.residual,
                                        .sum = x.sum,
                                        .gain = x.gain,
                                        .bias = x.bias,
                                        .out = x.out,
                                        .mean = x.mean,
                                        .inverse_deviation = x.inverse};
    OBVERSE_RUN(layer_norm_forward, arguments);
  }

  template <typename T>
  static void backward(const NormCase& c, const NormBackwardArrays<T>& x) {
    const LayerNormBackward<T> arguments{.rows = c.all_rows(),
                                         .width = c.width,
                                         .input = x.input,
                                         .gain = x.gain,
                                         .mean = x.mean,
                                         .inverse_deviation = x.inverse,
                                         .output_gradient = x.output_gradient,
                                         .residual_gradient = x.residual_gradient,
                                         .input_gradient = x.input_gradient,
                                         .gain_gradient = x.gain_gradient,
                                         .bias_gradient = x.bias_gradient};
    OBVERSE_RUN(layer_norm_backward, arguments);
  }
};

// Each width of a row that is treated in its own way, filled and not; widths that sixteen bytes do
// not divide; more rows than are under way at once.
const std::vector<NormCase> kCases{
    {.rows = 1, .width = 1},
    {.rows = 2, .width = 2, .residual = true},
    {.rows = 3, .width = 5, .bias = false},
    {.rows = 300, .width = 3, .residual = true},
    {.rows = 70, .width = 33, .residual = true},
    {.rows = 2, .width = 1027, .residual = true},
    {.rows = 1, .width = 8200, .residual = true},
    {.rows = 1, .width = 8},
    {.rows = 1060, .width = 64, .residual = true},
    {.rows = 37, .width = 128, .bias = false},
    {.rows = 18, .width = 136, .residual = true},
    {.rows = 9, .width = 512, .bias = false, .residual = true},
    {.rows = 133, .width = 768, .residual = true},
    {.rows = 11, .width = 1000},
    {.rows = 70, .width = 1032, .residual = true},
    {.rows = 3, .width = 4096},
    {.rows = 18, .width = 4104, .bias = false, .residual = true},
};

TEMPLATE_TEST_CASE("layer_norm forward equals a plain computation", "[layer_norm]",
                   OBVERSE_BACKEND_TYPES) {
  for (const NormCase& c : kCases) check_norm_forward<LayerNorm, TestType>(c);
}

TEMPLATE_TEST_CASE("layer_norm backward equals a plain computation", "[layer_norm]",
                   OBVERSE_BACKEND_TYPES) {
  for (const NormCase& c : kCases) check_norm_backward<LayerNorm, TestType>(c);
}

TEMPLATE_TEST_CASE("layer_norm takes arrays that start anywhere", "[layer_norm]",
                   OBVERSE_BACKEND_TYPES) {
  check_norm_shifts<LayerNorm, TestType>({.rows = 3, .width = 64, .residual = true});
}

TEMPLATE_TEST_CASE("layer_norm may write where it reads", "[layer_norm]", OBVERSE_BACKEND_TYPES) {
  check_norm_aliasing<LayerNorm, TestType>({.rows = 20, .width = 96, .residual = true});
  check_norm_aliasing<LayerNorm, TestType>({.rows = 3, .width = 2048, .residual = true});
  check_norm_aliasing<LayerNorm, TestType>({.rows = 20, .width = 37, .residual = true});
}

TEMPLATE_TEST_CASE("layer_norm has the same bits in every order of threads and blocks",
                   "[layer_norm]", OBVERSE_BACKEND_TYPES) {
  check_norm_schedules<LayerNorm, TestType>({.rows = 100, .width = 40, .residual = true});
  check_norm_schedules<LayerNorm, TestType>({.rows = 10, .width = 768});
  check_norm_schedules<LayerNorm, TestType>({.rows = 10, .width = 1032, .residual = true});
  check_norm_schedules<LayerNorm, TestType>({.rows = 20, .width = 37});
}

TEMPLATE_TEST_CASE("layer_norm lets no NaN vanish", "[layer_norm]", OBVERSE_BACKEND_TYPES) {
  for (const std::int64_t width : {40, 33, 1032}) {
    check_norm_nan<LayerNorm, TestType>({.rows = 5, .width = width});
  }
}

TEST_CASE("layer_norm does not cancel where the mean is far from zero", "[layer_norm]") {
  for (const std::int64_t width : {64, 33, 1032}) {
    const NormCase c{.rows = 9, .width = width};
    NormInputs<float> inputs(c);
    for (float& value : inputs.input) value += 1000.0f;
    const auto result = run_norm_forward<LayerNorm>(c, inputs);
    const auto exact = plain_forward<double, double, true>(c, inputs);
    // The mean's own rounding is 2^-14 of a deviation. The CPU sums in the order that its compiler
    // chose: one after the other, each addition may round by half a unit of the sum.
    const double mean_error =
        kOnCpu ? 0.5 * unit<float>() * 1000.0 * static_cast<double>(width) : 0.0;
    check_close(result.inverse, exact.inverse, 1e-4, 0.0, "inverse_deviation");
    check_close(result.out, exact.out, 1e-3 + mean_error, 1.0, "out");
  }
}

TEST_CASE("layer_norm of no rows writes nothing", "[layer_norm]") {
  const NormCase c{.rows = 0, .width = 16};
  const NormInputs<float> inputs(c);
  CHECK(run_norm_forward<LayerNorm>(c, inputs).out.empty());
  const auto result = run_norm_backward<LayerNorm>(c, inputs, {}, {});
  check_same_bits(result.gain, inputs.gain_gradient, "gain_gradient");
  check_same_bits(result.bias, inputs.bias_gradient, "bias_gradient");
}

TEST_CASE("layer_norm names what has the wrong size", "[layer_norm]") {
  Buffer<float> rows(std::vector<float>(4)), table(std::vector<float>(256)),
      gain(std::vector<float>(64)), other(std::vector<float>(32));
  const auto forward_error = [&](const auto& change) {
    LayerNormForward<float> x{.rows = 4,
                              .width = 64,
                              .input = table.span(),
                              .gain = gain.span(),
                              .out = table.span(),
                              .mean = rows.span(),
                              .inverse_deviation = rows.span()};
    change(x);
    return error_of([&] { OBVERSE_RUN(layer_norm_forward, x); });
  };
  const auto expected = [](const char* what) {
    return std::string("[layer_norm] expected ") + what;
  };
  CHECK(forward_error([](auto&) {}) == "nothing thrown");
  CHECK(forward_error([](auto& x) { x.width = 0; }) ==
        expected("rows >= 0 and width > 0, got 4 and 0"));
  CHECK(forward_error([](auto& x) { x.rows = -1; }) ==
        expected("rows >= 0 and width > 0, got -1 and 64"));
  CHECK(forward_error([](auto& x) { x.rows = 3; }) == expected("input of 192 elements, got 256"));
  CHECK(forward_error([&](auto& x) { x.residual = gain.span(); }) ==
        expected("residual of 256 elements or none, got 64"));
  CHECK(forward_error([&](auto& x) { x.residual = table.span(); }) ==
        expected("sum of 256 elements, got 0"));
  CHECK(forward_error([&](auto& x) { x.sum = table.span(); }) ==
        expected("sum without a residual of 0 elements, got 256"));
  CHECK(forward_error([&](auto& x) { x.gain = other.span(); }) ==
        expected("gain of 64 elements, got 32"));
  CHECK(forward_error([&](auto& x) { x.bias = other.span(); }) ==
        expected("bias of 64 elements or none, got 32"));
  CHECK(forward_error([&](auto& x) { x.out = gain.span(); }) ==
        expected("out of 256 elements, got 64"));
  CHECK(forward_error([&](auto& x) { x.mean = gain.span(); }) ==
        expected("mean of 4 elements, got 64"));
  CHECK(forward_error([&](auto& x) { x.inverse_deviation = gain.span(); }) ==
        expected("inverse_deviation of 4 elements, got 64"));

  const auto backward_error = [&](const auto& change) {
    LayerNormBackward<float> x{.rows = 4,
                               .width = 64,
                               .input = table.span(),
                               .gain = gain.span(),
                               .mean = rows.span(),
                               .inverse_deviation = rows.span(),
                               .output_gradient = table.span(),
                               .input_gradient = table.span(),
                               .gain_gradient = gain.span()};
    change(x);
    return error_of([&] { OBVERSE_RUN(layer_norm_backward, x); });
  };
  CHECK(backward_error([&](auto& x) { x.width = -2; }) ==
        expected("rows >= 0 and width > 0, got 4 and -2"));
  CHECK(backward_error([&](auto& x) { x.input = gain.span(); }) ==
        expected("input of 256 elements, got 64"));
  CHECK(backward_error([&](auto& x) { x.output_gradient = gain.span(); }) ==
        expected("output_gradient of 256 elements, got 64"));
  CHECK(backward_error([&](auto& x) { x.residual_gradient = gain.span(); }) ==
        expected("residual_gradient of 256 elements or none, got 64"));
  CHECK(backward_error([&](auto& x) { x.input_gradient = gain.span(); }) ==
        expected("input_gradient of 256 elements, got 64"));
  CHECK(backward_error([&](auto& x) { x.gain_gradient = other.span(); }) ==
        expected("gain_gradient of 64 elements, got 32"));
  CHECK(backward_error([&](auto& x) { x.bias_gradient = other.span(); }) ==
        expected("bias_gradient of 64 elements or none, got 32"));
}

}  // namespace
}  // namespace obverse::tests
