#include "kernels/rms_norm/rms_norm.h"

#include <cstdint>
#include <string>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/norm_reference.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::RmsNormBackward;
using kernels::RmsNormForward;
using kernels::RmsNormShape;

RmsNormShape shape_of(const NormCase& c) {
  // The stride of a single group is not to be read.
  return {.groups = c.groups,
          .rows = c.rows,
          .width = c.width,
          .stride = c.groups == 1 ? -1 : c.stride()};
}

struct RmsNorm {
  static constexpr bool kCentered = false;

  template <typename T>
  static void forward(const NormCase& c, const NormForwardArrays<T>& x) {
    const RmsNormForward<T> arguments{.shape = shape_of(c),
                                      .epsilon = x.epsilon,
                                      .input = x.input,
                                      .residual = x.residual,
                                      .sum = x.sum,
                                      .gain = x.gain,
                                      .out = x.out,
                                      .inverse_rms = x.inverse};
    OBVERSE_RUN(rms_norm_forward, arguments);
  }

  template <typename T>
  static void backward(const NormCase& c, const NormBackwardArrays<T>& x) {
    const RmsNormBackward<T> arguments{.shape = shape_of(c),
                                       .input = x.input,
                                       .gain = x.gain,
                                       .inverse_rms = x.inverse,
                                       .output_gradient = x.output_gradient,
                                       .residual_gradient = x.residual_gradient,
                                       .input_gradient = x.input_gradient,
                                       .gain_gradient = x.gain_gradient};
    OBVERSE_RUN(rms_norm_backward, arguments);
  }
};

// Each width of a row that is treated in its own way, filled and not; widths that sixteen bytes do
// not divide; heads of a packed projection, at which elements of sixteen bytes begin or not; more
// rows than are under way at once.
const std::vector<NormCase> kCases{
    {.rows = 1, .width = 1},
    {.groups = 2, .rows = 1, .width = 3, .gap = 1, .residual = true},
    {.groups = 100, .rows = 3, .width = 5, .gap = 2},
    {.groups = 14, .rows = 5, .width = 33, .gap = 7, .residual = true},
    {.groups = 2, .rows = 1, .width = 1027, .gap = 3, .residual = true},
    {.rows = 1, .width = 8200, .residual = true},
    {.groups = 7, .rows = 2, .width = 16, .gap = 4},  // aligned in float alone
    {.groups = 7, .rows = 2, .width = 32, .gap = 1},
    {.groups = 130, .rows = 12, .width = 64, .gap = 64 * 2},
    {.groups = 40, .rows = 3, .width = 128, .gap = 128},
    {.rows = 18, .width = 136, .residual = true},
    {.groups = 4, .rows = 2, .width = 512, .gap = 8, .residual = true},
    {.rows = 133, .width = 768, .residual = true},
    {.rows = 11, .width = 1000},
    {.groups = 10, .rows = 7, .width = 1032, .gap = 16, .residual = true},
    {.rows = 3, .width = 4096},
    {.rows = 18, .width = 4104, .residual = true},
};

TEMPLATE_TEST_CASE("rms_norm forward equals a plain computation", "[rms_norm]",
                   OBVERSE_BACKEND_TYPES) {
  for (const NormCase& c : kCases) check_norm_forward<RmsNorm, TestType>(c);
}

TEMPLATE_TEST_CASE("rms_norm backward equals a plain computation", "[rms_norm]",
                   OBVERSE_BACKEND_TYPES) {
  for (const NormCase& c : kCases) check_norm_backward<RmsNorm, TestType>(c);
}

TEMPLATE_TEST_CASE("rms_norm takes arrays that start anywhere", "[rms_norm]",
                   OBVERSE_BACKEND_TYPES) {
  check_norm_shifts<RmsNorm, TestType>(
      {.groups = 3, .rows = 2, .width = 64, .gap = 64, .residual = true});
}

TEMPLATE_TEST_CASE("rms_norm may write where it reads", "[rms_norm]", OBVERSE_BACKEND_TYPES) {
  check_norm_aliasing<RmsNorm, TestType>(
      {.groups = 5, .rows = 4, .width = 96, .gap = 16, .residual = true});
  check_norm_aliasing<RmsNorm, TestType>({.rows = 3, .width = 2048, .residual = true});
  check_norm_aliasing<RmsNorm, TestType>(
      {.groups = 5, .rows = 4, .width = 37, .gap = 3, .residual = true});
}

TEMPLATE_TEST_CASE("rms_norm has the same bits in every order of threads and blocks", "[rms_norm]",
                   OBVERSE_BACKEND_TYPES) {
  check_norm_schedules<RmsNorm, TestType>(
      {.groups = 30, .rows = 3, .width = 64, .gap = 128, .residual = true});
  check_norm_schedules<RmsNorm, TestType>({.rows = 10, .width = 768});
  check_norm_schedules<RmsNorm, TestType>({.rows = 10, .width = 1032, .residual = true});
  check_norm_schedules<RmsNorm, TestType>({.groups = 5, .rows = 4, .width = 37, .gap = 1});
}

TEMPLATE_TEST_CASE("rms_norm lets no NaN vanish", "[rms_norm]", OBVERSE_BACKEND_TYPES) {
  for (const std::int64_t width : {40, 33, 1032}) {
    check_norm_nan<RmsNorm, TestType>({.groups = 3, .rows = 2, .width = width, .gap = 8});
  }
}

TEST_CASE("rms_norm of no rows writes nothing", "[rms_norm]") {
  for (const NormCase& c : {NormCase{.groups = 0, .rows = 3, .width = 16},
                            NormCase{.groups = 3, .rows = 0, .width = 16}}) {
    const NormInputs<float> inputs({.rows = 0, .width = 16});
    CHECK(run_norm_forward<RmsNorm>(c, inputs).out.empty());
    const auto result = run_norm_backward<RmsNorm>(c, inputs, {}, {});
    check_same_bits(result.gain, inputs.gain_gradient, "gain_gradient");
  }
}

TEST_CASE("rms_norm names what has the wrong size", "[rms_norm]") {
  Buffer<float> values(std::vector<float>(100)), gain(std::vector<float>(16)),
      inverse(std::vector<float>(6)), other(std::vector<float>(5));
  const auto expected = [](const char* what) { return std::string("[rms_norm] expected ") + what; };
  const auto forward_error = [&](const auto& change) {
    RmsNormForward<float> x{.shape = {.groups = 3, .rows = 2, .width = 16, .stride = 34},
                            .input = values.span(),
                            .gain = gain.span(),
                            .out = values.span(),
                            .inverse_rms = inverse.span()};
    change(x);
    return error_of([&] { OBVERSE_RUN(rms_norm_forward, x); });
  };
  CHECK(forward_error([](auto&) {}) == "nothing thrown");
  CHECK(forward_error([](auto& x) { x.shape.stride = 31; }) ==
        expected("a stride of at least 32, got 31"));
  CHECK(forward_error([](auto& x) { x.shape.width = 0; }) ==
        expected("groups >= 0, rows >= 0 and width > 0, got 3, 2 and 0"));
  CHECK(forward_error([](auto& x) { x.shape.stride = 35; }) ==
        expected("input of at least 102 elements, got 100"));
  CHECK(forward_error([&](auto& x) { x.residual = gain.span(); }) ==
        expected("residual of at least 100 elements, got 16"));
  CHECK(forward_error([&](auto& x) { x.residual = values.span(); }) ==
        expected("sum of at least 100 elements, got 0"));
  CHECK(forward_error([&](auto& x) { x.sum = values.span(); }) ==
        expected("sum without a residual of 0 elements, got 100"));
  CHECK(forward_error([&](auto& x) { x.out = gain.span(); }) ==
        expected("out of at least 100 elements, got 16"));
  CHECK(forward_error([&](auto& x) { x.gain = other.span(); }) ==
        expected("gain of 16 elements, got 5"));
  CHECK(forward_error([&](auto& x) { x.inverse_rms = other.span(); }) ==
        expected("inverse_rms of 6 elements, got 5"));

  const auto backward_error = [&](const auto& change) {
    RmsNormBackward<float> x{.shape = {.groups = 3, .rows = 2, .width = 16, .stride = 34},
                             .input = values.span(),
                             .gain = gain.span(),
                             .inverse_rms = inverse.span(),
                             .output_gradient = values.span(),
                             .input_gradient = values.span(),
                             .gain_gradient = gain.span()};
    change(x);
    return error_of([&] { OBVERSE_RUN(rms_norm_backward, x); });
  };
  CHECK(backward_error([&](auto& x) { x.input = gain.span(); }) ==
        expected("input of at least 100 elements, got 16"));
  CHECK(backward_error([&](auto& x) { x.output_gradient = gain.span(); }) ==
        expected("output_gradient of at least 100 elements, got 16"));
  CHECK(backward_error([&](auto& x) { x.residual_gradient = gain.span(); }) ==
        expected("residual_gradient of at least 100 elements, got 16"));
  CHECK(backward_error([&](auto& x) { x.input_gradient = gain.span(); }) ==
        expected("input_gradient of at least 100 elements, got 16"));
  CHECK(backward_error([&](auto& x) { x.gain_gradient = other.span(); }) ==
        expected("gain_gradient of 16 elements, got 5"));
}

}  // namespace
}  // namespace obverse::tests
