#include "kernels/reduction/reduction.h"

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

template <typename T>
std::pair<T, T> norm_of(const std::vector<std::vector<T>>& gradients, double maximum_norm,
                        const std::vector<T>& loss = {}) {
  std::vector<kernels::Span<const T>> spans;
  for (const auto& gradient : gradients) spans.push_back(span(gradient));
  std::vector<T> norm(1), scale(1);
  kernels::cpu::gradient_norm<T>({.gradients = span(std::as_const(spans)),
                                  .maximum_norm = maximum_norm,
                                  .loss = span(loss),
                                  .norm = span(norm),
                                  .clip_scale = span(scale)});
  return {norm[0], scale[0]};
}

TEMPLATE_TEST_CASE("gradient_norm equals a plain loop over all tensors", "[reduction]", float,
                   double) {
  using T = TestType;
  for (const auto& sizes : {std::vector<std::int64_t>{1}, {3, 0, 15}, {561, 4095, 4097, 39296}}) {
    std::vector<std::vector<T>> gradients;
    double squares = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      gradients.push_back(normal_values<T>(sizes[i], i));
      for (const T value : gradients.back())
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const double norm = std::sqrt(squares);
    const auto clipped = norm_of(gradients, norm / 4);
    CHECK(static_cast<double>(clipped.first) == Approx(norm).epsilon(2 * unit<T>() + 1e-14));
    CHECK(static_cast<double>(clipped.second) == Approx(0.25).epsilon(2 * unit<T>() + 1e-14));
    CHECK(norm_of(gradients, norm * 2).second == T(1));
    CHECK(norm_of(gradients, 0.0).second == T(1));
  }
  CHECK(norm_of<T>({}, 1.0) == std::pair(T(0), T(1)));
}

TEST_CASE("gradient_norm is not finite where a gradient is not", "[reduction]") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity}) {
    for (const std::size_t place : {std::size_t{0}, std::size_t{4095}, std::size_t{50002}}) {
      std::vector<std::vector<float>> gradients{normal_values<float>(10, 1),
                                                normal_values<float>(50003, 2)};
      gradients[1][place] = bad;
      const auto [norm, scale] = norm_of(gradients, 1.0);
      CHECK_FALSE(std::isfinite(norm));
      CHECK(std::isnan(scale));
    }
  }
  const std::vector<std::vector<double>> gradients{{3.0, 4.0}};
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    const auto [norm, scale] = norm_of(gradients, 1.0, {bad});
    CHECK(norm == 5.0);
    CHECK(std::isnan(scale));
  }
  CHECK(norm_of(gradients, 1.0, {7.0}) == std::pair(5.0, 0.2));
  // 1e30 squared does not fit into a float, its root does.
  CHECK(norm_of<float>({{1e30f}}, 0.0).first == 1e30f);
}

TEST_CASE("reductions have the same bits whatever the thread count", "[reduction]") {
  // In double: rounding the sum to a float would hide another order of additions.
  const std::vector<std::vector<double>> gradients{normal_values<double>(150001, 1),
                                                   normal_values<double>(999, 2)};
  const auto run = [&](int threads) {
    const WithThreads with_threads(threads);
    std::vector<double> columns(501), sum(1);
    kernels::cpu::column_sum<double>({.rows = 299,
                                      .width = 501,
                                      .input = span(gradients[0]).subspan(0, 299 * 501),
                                      .out = span(columns)});
    kernels::cpu::weighted_sum<double>(
        {.input = span(gradients[0]), .weights = span(gradients[0]), .out = span(sum)});
    columns.push_back(sum[0]);
    columns.push_back(norm_of(gradients, 0.0).first);
    return columns;
  };
  const auto one = run(1);
  check_same_bits(run(2), one, "sums of two threads");
  check_same_bits(run(3), one, "sums of three threads");
}

TEMPLATE_TEST_CASE("column_sum adds plain loops' sums", "[reduction]", float, double) {
  using T = TestType;
  for (const auto& [rows, width] : kTestShapes) {
    const auto input = normal_values<T>(rows * width, 1);
    auto out = normal_values<T>(width, 2);
    auto expected = in_double(out);
    for (std::int64_t i = 0; i < rows * width; ++i) {
      expected[static_cast<std::size_t>(i % width)] += input[static_cast<std::size_t>(i)];
    }
    kernels::cpu::column_sum<T>(
        {.rows = rows, .width = width, .input = span(input), .out = span(out)});
    check_close(out, expected, 4 * unit<T>(), std::sqrt(static_cast<double>(rows)), "out");
  }
}

TEMPLATE_TEST_CASE("weighted_sum equals a plain loop", "[reduction]", float, double) {
  using T = TestType;
  for (const std::int64_t count : {0, 1, 15, 561, 39296}) {
    const auto input = normal_values<T>(count, 1), weights = normal_values<T>(count, 2);
    double sum = 0, weighted = 0;
    for (std::size_t i = 0; i < input.size(); ++i) {
      sum += input[i];
      weighted += static_cast<double>(input[i]) * static_cast<double>(weights[i]);
    }
    // One rounding of the result in float; in double the plain loop errs as well, by the square
    // root of count.
    const double tolerance = sizeof(T) == sizeof(float) ? unit<T>() : 1e-12;
    std::vector<T> out(1, T(9));
    kernels::cpu::weighted_sum<T>({.scale = 0.5, .input = span(input), .out = span(out)});
    check_close(out, {0.5 * sum}, tolerance, 1.0, "sum");
    kernels::cpu::weighted_sum<T>(
        {.scale = 0.5, .input = span(input), .weights = span(weights), .out = span(out)});
    check_close(out, {0.5 * weighted}, tolerance, 1.0, "weighted sum");
    const std::vector<T> factor{T(0.375)};
    kernels::cpu::weighted_sum<T>(
        {.scale = 0.5, .factor = span(factor), .input = span(input), .out = span(out)});
    check_close(out, {0.5 * 0.375 * sum}, tolerance, 1.0, "sum with a factor");
  }
}

TEST_CASE("reductions name what has the wrong size", "[reduction]") {
  std::vector<float> six(6), two(2), one(1);
  CHECK(error_of([&] {
          kernels::cpu::column_sum<float>(
              {.rows = 2, .width = 3, .input = span(std::as_const(six)), .out = span(two)});
        }) == "[column_sum] expected out of 3 elements, got 2");
  CHECK(error_of([&] {
          kernels::cpu::column_sum<float>(
              {.rows = 2, .width = 0, .input = span(std::as_const(six)), .out = span(two)});
        }) == "[column_sum] expected rows >= 0 and width > 0, got 2 and 0");
  CHECK(error_of([&] {
          kernels::cpu::weighted_sum<float>({.input = span(std::as_const(six)),
                                             .weights = span(std::as_const(two)),
                                             .out = span(one)});
        }) == "[weighted_sum] expected weights of 6 elements or none, got 2");
  CHECK(error_of([&] {
          kernels::cpu::weighted_sum<float>({.factor = span(std::as_const(two)),
                                             .input = span(std::as_const(six)),
                                             .out = span(one)});
        }) == "[weighted_sum] expected factor of 1 elements or none, got 2");
  CHECK(error_of([&] {
          kernels::cpu::gradient_norm<float>(
              {.loss = span(std::as_const(two)), .norm = span(one), .clip_scale = span(one)});
        }) == "[gradient_norm] expected loss of 1 elements or none, got 2");
  CHECK(error_of([&] {
          kernels::cpu::gradient_norm<float>({.norm = span(one), .clip_scale = span(two)});
        }) == "[gradient_norm] expected clip_scale of 1 elements, got 2");
  CHECK(error_of([&] {
          kernels::cpu::gradient_norm<float>(
              {.maximum_norm = -1.0, .norm = span(one), .clip_scale = span(one)});
        }) == "[gradient_norm] expected maximum_norm of at least 0, got -1");
}

}  // namespace
}  // namespace obverse::tests
