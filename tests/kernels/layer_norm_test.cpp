#include "kernels/layer_norm/layer_norm.h"

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

template <typename T>
struct Result {
  std::vector<T> out, mean, inverse;
};

template <typename T>
Result<T> forward(std::int64_t rows, std::int64_t width, const std::vector<T>& input,
                  const std::vector<T>& gain, const std::vector<T>& bias) {
  Result<T> result{std::vector<T>(input.size()), std::vector<T>(static_cast<std::size_t>(rows)),
                   std::vector<T>(static_cast<std::size_t>(rows))};
  kernels::cpu::layer_norm_forward<T>({.rows = rows,
                                       .width = width,
                                       .epsilon = kEpsilon,
                                       .input = span(input),
                                       .gain = span(gain),
                                       .bias = span(bias),
                                       .out = span(result.out),
                                       .mean = span(result.mean),
                                       .inverse_deviation = span(result.inverse)});
  return result;
}

template <typename T>
struct Gradients {
  std::vector<T> input, gain, bias;
};

template <typename T>
Gradients<T> backward(std::int64_t rows, std::int64_t width, const std::vector<T>& input,
                      const std::vector<T>& gain, const Result<T>& saved,
                      const std::vector<T>& output_gradient, bool in_place = false) {
  const auto columns = static_cast<std::size_t>(width);
  // What is there before must still be there, plus the gradient.
  Gradients<T> result{output_gradient, std::vector<T>(columns, T(3)),
                      std::vector<T>(columns, T(5))};
  kernels::cpu::layer_norm_backward<T>(
      {.rows = rows,
       .width = width,
       .input = span(input),
       .gain = span(gain),
       .mean = span(saved.mean),
       .inverse_deviation = span(saved.inverse),
       .output_gradient = in_place ? span(std::as_const(result.input)) : span(output_gradient),
       .input_gradient = span(result.input),
       .gain_gradient = span(result.gain),
       .bias_gradient = span(result.bias)});
  return result;
}

TEMPLATE_TEST_CASE("layer_norm forward equals plain loops", "[layer_norm]", float, double) {
  using T = TestType;
  for (const auto& [rows, width] : kTestShapes) {
    for (const bool with_bias : {true, false}) {
      const auto input = normal_values<T>(rows * width, 1), gain = normal_values<T>(width, 2);
      const auto bias = with_bias ? normal_values<T>(width, 3) : std::vector<T>();
      const Result<T> result = forward(rows, width, input, gain, bias);
      std::vector<double> out, means, inverses;
      for (std::int64_t row = 0; row < rows; ++row) {
        const T* x = input.data() + row * width;
        double mean = 0, variance = 0;
        for (std::int64_t i = 0; i < width; ++i)
          mean += static_cast<double>(x[i]) / static_cast<double>(width);
        for (std::int64_t i = 0; i < width; ++i)
          variance += (x[i] - mean) * (x[i] - mean) / static_cast<double>(width);
        means.push_back(mean);
        inverses.push_back(1.0 / std::sqrt(variance + kEpsilon));
        for (std::int64_t i = 0; i < width; ++i) {
          const auto column = static_cast<std::size_t>(i);
          out.push_back((x[i] - mean) * inverses.back() * gain[column] +
                        (with_bias ? static_cast<double>(bias[column]) : 0.0));
        }
      }
      // Each step rounds by half a unit; sums over a row add up to a few units of its typical
      // element, 1.
      check_close(result.mean, means, 8 * unit<T>(), 1.0, "mean");
      check_close(result.inverse, inverses, 16 * unit<T>(), 0.0, "inverse_deviation");
      check_close(result.out, out, 32 * unit<T>(), 1.0, "out");
    }
  }
}

TEST_CASE("layer_norm backward equals central differences and adds to its parameters",
          "[layer_norm]") {
  for (const auto& [rows, width] : {RowsAndWidth{1, 3}, {3, 5}, {17, 33}, {37, 16}}) {
    auto input = normal_values<double>(rows * width, 1), gain = normal_values<double>(width, 2);
    auto bias = normal_values<double>(width, 3);
    const auto weights = normal_values<double>(rows * width, 4);
    const auto loss = [&, rows = rows, width = width] {
      return dot(forward(rows, width, input, gain, bias).out, weights);
    };
    auto gradients =
        backward(rows, width, input, gain, forward(rows, width, input, gain, bias), weights);
    for (double& value : gradients.gain) value -= 3.0;
    for (double& value : gradients.bias) value -= 5.0;
    check_gradient(input, loss, gradients.input, "input_gradient");
    check_gradient(gain, loss, gradients.gain, "gain_gradient");
    check_gradient(bias, loss, gradients.bias, "bias_gradient");
  }
}

TEMPLATE_TEST_CASE("layer_norm may work in place", "[layer_norm]", float, double) {
  using T = TestType;
  const std::int64_t rows = 40, width = 64;
  const auto input = normal_values<T>(rows * width, 1), gain = normal_values<T>(width, 2);
  const auto bias = normal_values<T>(width, 3), gradient = normal_values<T>(rows * width, 4);
  const Result<T> apart = forward(rows, width, input, gain, bias);
  auto values = input;
  Result<T> saved = apart;
  kernels::cpu::layer_norm_forward<T>({.rows = rows,
                                       .width = width,
                                       .epsilon = kEpsilon,
                                       .input = span(std::as_const(values)),
                                       .gain = span(gain),
                                       .bias = span(bias),
                                       .out = span(values),
                                       .mean = span(saved.mean),
                                       .inverse_deviation = span(saved.inverse)});
  check_same_bits(values, apart.out, "out");
  const auto expected = backward(rows, width, input, gain, apart, gradient);
  const auto actual = backward(rows, width, input, gain, apart, gradient, true);
  check_same_bits(actual.input, expected.input, "input_gradient");
  check_same_bits(actual.gain, expected.gain, "gain_gradient");
}

// Of float and double alike: x is rounded to T.
TEMPLATE_TEST_CASE("layer_norm adds a residual before and its gradient after", "[layer_norm]",
                   float, double) {
  using T = TestType;
  for (const auto& [rows, width] : {RowsAndWidth{3, 5}, {40, 64}, {7, 128}, {500, 300}}) {
    const auto input = normal_values<T>(rows * width, 1), gain = normal_values<T>(width, 2);
    const auto bias = normal_values<T>(width, 3), residual = normal_values<T>(rows * width, 4);
    const auto gradient = normal_values<T>(rows * width, 5);
    std::vector<T> x = input;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += residual[i];
    const Result<T> expected = forward(rows, width, x, gain, bias);
    // The sum apart, in the input's place and in the residual's.
    for (const int place : {0, 1, 2}) {
      auto inputs = input, residuals = residual, sums = std::vector<T>(x.size());
      auto& sum = place == 0 ? sums : place == 1 ? inputs : residuals;
      Result<T> result = expected;
      for (T& value : result.out) value = T(7);
      kernels::cpu::layer_norm_forward<T>({.rows = rows,
                                           .width = width,
                                           .epsilon = kEpsilon,
                                           .input = span(std::as_const(inputs)),
                                           .residual = span(std::as_const(residuals)),
                                           .sum = span(sum),
                                           .gain = span(gain),
                                           .bias = span(bias),
                                           .out = span(result.out),
                                           .mean = span(result.mean),
                                           .inverse_deviation = span(result.inverse)});
      check_same_bits(sum, x, "sum");
      check_same_bits(result.out, expected.out, "out");
      check_same_bits(result.mean, expected.mean, "mean");
    }

    const Gradients<T> without = backward(rows, width, x, gain, expected, gradient);
    std::vector<double> sums;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sums.push_back(static_cast<double>(without.input[i]) + static_cast<double>(residual[i]));
    }
    // The input's gradient apart, in the output's place and in the residual's.
    for (const int place : {0, 1, 2}) {
      auto apart = std::vector<T>(x.size()), output_gradient = gradient, residuals = residual;
      auto& input_gradient = place == 0 ? apart : place == 1 ? output_gradient : residuals;
      Gradients<T> result{{}, std::vector<T>(gain.size(), T(3)), std::vector<T>(gain.size(), T(5))};
      kernels::cpu::layer_norm_backward<T>({.rows = rows,
                                            .width = width,
                                            .input = span(std::as_const(x)),
                                            .gain = span(gain),
                                            .mean = span(expected.mean),
                                            .inverse_deviation = span(expected.inverse),
                                            .output_gradient = span(std::as_const(output_gradient)),
                                            .residual_gradient = span(std::as_const(residuals)),
                                            .input_gradient = span(input_gradient),
                                            .gain_gradient = span(result.gain),
                                            .bias_gradient = span(result.bias)});
      check_close(input_gradient, sums, 8 * unit<T>(), 1.0, "input_gradient");
      check_same_bits(result.gain, without.gain, "gain_gradient");
      check_same_bits(result.bias, without.bias, "bias_gradient");
    }
  }
}

TEST_CASE("layer_norm has the same bits with one thread and with two", "[layer_norm]") {
  const std::int64_t rows = 701, width = 205;
  const auto input = normal_values<float>(rows * width, 1), gain = normal_values<float>(width, 2);
  const auto bias = normal_values<float>(width, 3),
             gradient = normal_values<float>(rows * width, 4);
  const auto run = [&](int threads, bool in_place) {
    const WithThreads with_threads(threads);
    const auto result = forward(rows, width, input, gain, bias);
    return std::pair(result, backward(rows, width, input, gain, result, gradient, in_place));
  };
  const auto one = run(1, false);
  for (const bool in_place : {false, true}) {
    const auto two = run(2, in_place);
    check_same_bits(two.first.out, one.first.out, "out");
    check_same_bits(two.second.input, one.second.input, "input_gradient");
    check_same_bits(two.second.gain, one.second.gain, "gain_gradient");
    check_same_bits(two.second.bias, one.second.bias, "bias_gradient");
  }
}

TEST_CASE("layer_norm names what has the wrong size", "[layer_norm]") {
  std::vector<float> rows(4), table(256), gain(64), short_gain(32);
  kernels::LayerNormForward<float> call{.rows = 4,
                                        .width = 64,
                                        .input = span(std::as_const(table)),
                                        .gain = span(std::as_const(short_gain)),
                                        .out = span(table),
                                        .mean = span(rows),
                                        .inverse_deviation = span(rows)};
  const auto message = [&] { return error_of([&] { kernels::cpu::layer_norm_forward(call); }); };
  CHECK(message() == "[layer_norm] expected gain of 64 elements, got 32");
  call.gain = span(std::as_const(gain));
  call.bias = span(std::as_const(short_gain));
  CHECK(message() == "[layer_norm] expected bias of 64 elements or none, got 32");
  call.bias = {};
  call.mean = span(gain);
  CHECK(message() == "[layer_norm] expected mean of 4 elements, got 64");
  call.mean = span(rows);
  call.width = 0;
  CHECK(message() == "[layer_norm] expected rows >= 0 and width > 0, got 4 and 0");
  call.width = 64;
  call.out = span(gain);
  CHECK(message() == "[layer_norm] expected out of 256 elements, got 64");
  call.out = span(table);
  call.residual = span(std::as_const(gain));
  CHECK(message() == "[layer_norm] expected residual of 256 elements or none, got 64");
  call.residual = span(std::as_const(table));
  CHECK(message() == "[layer_norm] expected sum of 256 elements, got 0");
  call.residual = {};
  call.sum = span(table);
  CHECK(message() == "[layer_norm] expected sum without a residual of 0 elements, got 256");
  call.sum = {};
  CHECK(message() == "nothing thrown");
  kernels::LayerNormBackward<float> back{.rows = 4,
                                         .width = 64,
                                         .input = call.input,
                                         .gain = call.gain,
                                         .mean = span(std::as_const(rows)),
                                         .inverse_deviation = span(std::as_const(rows)),
                                         .output_gradient = call.input,
                                         .input_gradient = span(table),
                                         .gain_gradient = span(short_gain)};
  CHECK(error_of([&] { kernels::cpu::layer_norm_backward(back); }) ==
        "[layer_norm] expected gain_gradient of 64 elements, got 32");
  back.residual_gradient = span(std::as_const(gain));
  CHECK(error_of([&] { kernels::cpu::layer_norm_backward(back); }) ==
        "[layer_norm] expected residual_gradient of 256 elements or none, got 64");
}

}  // namespace
}  // namespace obverse::tests
