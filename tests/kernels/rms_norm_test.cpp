#include "kernels/rms_norm/rms_norm.h"

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

constexpr double kEpsilon = 1e-5;

// Elements of an array of that shape, with two unused ones between groups.
kernels::RmsNormShape strided(std::int64_t groups, std::int64_t rows, std::int64_t width) {
  return {.groups = groups, .rows = rows, .width = width, .stride = rows * width + 2};
}

template <typename T>
void forward(const kernels::RmsNormShape& shape, const std::vector<T>& input,
             const std::vector<T>& gain, std::vector<T>& out, std::vector<T>& inverse) {
  inverse.resize(static_cast<std::size_t>(shape.groups * shape.rows));
  kernels::cpu::rms_norm_forward<T>({.shape = shape,
                                     .epsilon = kEpsilon,
                                     .input = span(input),
                                     .gain = span(gain),
                                     .out = span(out),
                                     .inverse_rms = span(inverse)});
}

TEMPLATE_TEST_CASE("rms_norm forward equals plain loops and leaves gaps alone", "[rms_norm]", float,
                   double) {
  using T = TestType;
  for (const auto& shape :
       {strided(1, 1, 1), strided(1, 3, 5), strided(17, 3, 33), strided(5, 4, 16),
        strided(3, 2, 32), strided(2, 3, 64), strided(1, 64, 614)}) {
    const auto input = normal_values<T>(shape.groups * shape.stride, 1),
               gain = normal_values<T>(shape.width, 2);
    std::vector<T> out(input.size(), T(7)), inverse;
    forward(shape, input, gain, out, inverse);
    std::vector<double> expected(input.size(), 7.0), inverses;
    for (std::int64_t row = 0; row < shape.groups * shape.rows; ++row) {
      const std::int64_t first = row / shape.rows * shape.stride + row % shape.rows * shape.width;
      double squares = 0;
      for (std::int64_t i = 0; i < shape.width; ++i) {
        const double x = input[static_cast<std::size_t>(first + i)];
        squares += x * x / static_cast<double>(shape.width);
      }
      inverses.push_back(1.0 / std::sqrt(squares + kEpsilon));
      for (std::int64_t i = 0; i < shape.width; ++i) {
        const auto at = static_cast<std::size_t>(first + i);
        expected[at] = input[at] * inverses.back() * gain[static_cast<std::size_t>(i)];
      }
    }
    check_close(inverse, inverses, 16 * unit<T>(), 0.0, "inverse_rms");
    check_close(out, expected, 20 * unit<T>(), 0.0, "out");
    auto values = input;
    kernels::cpu::rms_norm_forward<T>({.shape = shape,
                                       .epsilon = kEpsilon,
                                       .input = span(std::as_const(values)),
                                       .gain = span(gain),
                                       .out = span(values),
                                       .inverse_rms = span(inverse)});
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (expected[i] != 7.0) REQUIRE(values[i] == out[i]);
    }
  }
}

template <typename T>
std::pair<std::vector<T>, std::vector<T>> backward(const kernels::RmsNormShape& shape,
                                                   const std::vector<T>& input,
                                                   const std::vector<T>& gain,
                                                   const std::vector<T>& gradient, bool in_place) {
  std::vector<T> out(input.size()), inverse, input_gradient = gradient,
                                             gain_gradient(gain.size(), T(3));
  forward(shape, input, gain, out, inverse);
  kernels::cpu::rms_norm_backward<T>(
      {.shape = shape,
       .input = span(input),
       .gain = span(gain),
       .inverse_rms = span(std::as_const(inverse)),
       .output_gradient = in_place ? span(std::as_const(input_gradient)) : span(gradient),
       .input_gradient = span(input_gradient),
       .gain_gradient = span(gain_gradient)});
  return {input_gradient, gain_gradient};
}

TEST_CASE("rms_norm backward equals central differences and adds to the gain's", "[rms_norm]") {
  for (const auto& shape :
       {strided(1, 1, 3), strided(3, 3, 5), strided(10, 4, 16), strided(2, 3, 32)}) {
    auto input = normal_values<double>(shape.groups * shape.stride, 1),
         gain = normal_values<double>(shape.width, 2);
    auto weights = normal_values<double>(shape.groups * shape.stride, 3);
    for (std::int64_t i = 0; i < shape.groups * shape.stride; ++i) {
      if (i % shape.stride >= shape.rows * shape.width) weights[static_cast<std::size_t>(i)] = 0.0;
    }
    const auto loss = [&] {
      std::vector<double> out(input.size()), inverse;
      forward(shape, input, gain, out, inverse);
      return dot(out, weights);
    };
    auto [input_gradient, gain_gradient] = backward(shape, input, gain, weights, false);
    for (double& value : gain_gradient) value -= 3.0;
    check_gradient(input, loss, input_gradient, "input_gradient");
    check_gradient(gain, loss, gain_gradient, "gain_gradient");
  }
}

// Of float and double alike: x is rounded to T.
TEMPLATE_TEST_CASE("rms_norm adds a residual before and its gradient after", "[rms_norm]", float,
                   double) {
  using T = TestType;
  for (const auto& shape : {strided(3, 2, 5), strided(5, 4, 16), strided(2, 500, 205)}) {
    const std::int64_t size = shape.groups * shape.stride;
    const auto is_of_a_row = [&](std::size_t i) {
      return static_cast<std::int64_t>(i) % shape.stride < shape.rows * shape.width;
    };
    const auto input = normal_values<T>(size, 1), gain = normal_values<T>(shape.width, 2);
    const auto residual = normal_values<T>(size, 3), gradient = normal_values<T>(size, 4);
    auto x = input;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += residual[i];
    std::vector<T> expected_out(x.size(), T(7)), expected_inverse;
    forward(shape, x, gain, expected_out, expected_inverse);
    // The sum apart, in the input's place and in the residual's.
    for (const int place : {0, 1, 2}) {
      auto inputs = input, residuals = residual, sums = std::vector<T>(x.size(), T(7));
      auto& sum = place == 0 ? sums : place == 1 ? inputs : residuals;
      auto expected_sum = sum;
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (is_of_a_row(i)) expected_sum[i] = x[i];
      }
      std::vector<T> out(x.size(), T(7)), inverse(expected_inverse.size());
      kernels::cpu::rms_norm_forward<T>({.shape = shape,
                                         .epsilon = kEpsilon,
                                         .input = span(std::as_const(inputs)),
                                         .residual = span(std::as_const(residuals)),
                                         .sum = span(sum),
                                         .gain = span(gain),
                                         .out = span(out),
                                         .inverse_rms = span(inverse)});
      check_same_bits(sum, expected_sum, "sum");
      check_same_bits(out, expected_out, "out");
      check_same_bits(inverse, expected_inverse, "inverse_rms");
    }

    const auto [without, expected_gain] = backward(shape, x, gain, gradient, false);
    // The input's gradient apart, in the output's place and in the residual's.
    for (const int place : {0, 1, 2}) {
      auto apart = std::vector<T>(x.size(), T(7)), output_gradient = gradient, residuals = residual;
      auto& input_gradient = place == 0 ? apart : place == 1 ? output_gradient : residuals;
      std::vector<double> expected;
      for (std::size_t i = 0; i < x.size(); ++i) {
        expected.push_back(is_of_a_row(i)
                               ? static_cast<double>(without[i]) + static_cast<double>(residual[i])
                               : static_cast<double>(input_gradient[i]));
      }
      std::vector<T> gain_gradient(gain.size(), T(3));
      kernels::cpu::rms_norm_backward<T>({.shape = shape,
                                          .input = span(std::as_const(x)),
                                          .gain = span(gain),
                                          .inverse_rms = span(std::as_const(expected_inverse)),
                                          .output_gradient = span(std::as_const(output_gradient)),
                                          .residual_gradient = span(std::as_const(residuals)),
                                          .input_gradient = span(input_gradient),
                                          .gain_gradient = span(gain_gradient)});
      check_close(input_gradient, expected, 8 * unit<T>(), 1.0, "input_gradient");
      check_same_bits(gain_gradient, expected_gain, "gain_gradient");
    }
  }
}

TEST_CASE("rms_norm backward has the same bits with two threads and in place", "[rms_norm]") {
  for (const auto& shape : {strided(1, 701, 205), strided(701, 13, 16)}) {
    const auto input = normal_values<float>(shape.groups * shape.stride, 1),
               gain = normal_values<float>(shape.width, 2);
    const auto gradient = normal_values<float>(shape.groups * shape.stride, 3);
    const WithThreads one_thread(1);
    const auto one = backward(shape, input, gain, gradient, false);
    for (const bool in_place : {false, true}) {
      const WithThreads two_threads(2);
      const auto two = backward(shape, input, gain, gradient, in_place);
      check_same_bits(two.first, one.first, "input_gradient");
      check_same_bits(two.second, one.second, "gain_gradient");
    }
  }
}

TEST_CASE("rms_norm names what has the wrong size", "[rms_norm]") {
  std::vector<float> values(100), gain(16), inverse(6), other(5);
  kernels::RmsNormForward<float> call{.shape = {.groups = 3, .rows = 2, .width = 16, .stride = 31},
                                      .input = span(std::as_const(values)),
                                      .gain = span(std::as_const(gain)),
                                      .out = span(values),
                                      .inverse_rms = span(inverse)};
  const auto message = [&] { return error_of([&] { kernels::cpu::rms_norm_forward(call); }); };
  CHECK(message() == "[rms_norm] expected a stride of at least 32, got 31");
  call.shape.stride = 35;
  CHECK(message() == "[rms_norm] expected input of at least 102 elements, got 100");
  call.shape.stride = 34;
  CHECK(message() == "nothing thrown");
  call.residual = span(std::as_const(gain));
  CHECK(message() == "[rms_norm] expected residual of at least 100 elements, got 16");
  call.residual = span(std::as_const(values));
  CHECK(message() == "[rms_norm] expected sum of at least 100 elements, got 0");
  call.residual = {};
  call.sum = span(values);
  CHECK(message() == "[rms_norm] expected sum without a residual of 0 elements, got 100");
  call.sum = {};
  call.gain = span(std::as_const(other));
  CHECK(message() == "[rms_norm] expected gain of 16 elements, got 5");
  call.gain = span(std::as_const(gain));
  call.inverse_rms = span(other);
  CHECK(message() == "[rms_norm] expected inverse_rms of 6 elements, got 5");
  call.shape.width = 0;
  CHECK(message() == "[rms_norm] expected groups >= 0, rows >= 0 and width > 0, got 3, 2 and 0");
}

}  // namespace
}  // namespace obverse::tests
