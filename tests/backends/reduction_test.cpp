#include "kernels/reduction/reduction.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/backends/pointwise_cases.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// ---- gradient_norm ----

struct Norm {
  float norm, clip_scale;
};

// `loss` of one element or none.
template <typename T>
Norm norm_of(const std::vector<std::vector<T>>& gradients, double maximum_norm,
             const std::vector<float>& loss = {}, std::int64_t shift = 0) {
  std::vector<Guarded<T>> arrays;
  std::vector<kernels::Span<const T>> spans;
  for (const auto& gradient : gradients) arrays.emplace_back(gradient, shift);
  for (auto& array : arrays) spans.push_back(array.span());
  Guarded<float> loss_array(loss, 1);
  auto norm = Guarded<float>::poisoned(1, 1), clip_scale = Guarded<float>::poisoned(1, 2);
  kernels::GradientNorm<T> x;
  x.gradients = span(std::as_const(spans));
  x.maximum_norm = maximum_norm;
  x.loss = loss_array.span();
  x.norm = norm.span();
  x.clip_scale = clip_scale.span();
  OBVERSE_RUN(gradient_norm, x);
  return {norm.to_vector()[0], clip_scale.to_vector()[0]};
}

template <typename T>
std::vector<std::vector<T>> random_gradients(const std::vector<std::int64_t>& sizes) {
  std::vector<std::vector<T>> gradients;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    gradients.push_back(normal_in<T>(sizes[i], i));
    // No tensor may hide behind another.
    for (T& value : gradients.back()) value = T(static_cast<float>(value) + 1.0f);
  }
  return gradients;
}

template <typename T>
double plain_norm(const std::vector<std::vector<T>>& gradients) {
  double squares = 0.0;
  for (const auto& gradient : gradients) {
    for (const T& value : gradient) squares += std::pow(static_cast<double>(value), 2);
  }
  return std::sqrt(squares);
}

TEMPLATE_TEST_CASE("gradient_norm equals double arithmetic over tensors of any number and size",
                   "[reduction]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  // More tensors than a launch takes at once; empty ones, of a block's size and past it.
  std::vector<std::int64_t> many;
  for (std::int64_t i = 0; i < 230; ++i) many.push_back(i % 7);
  many[200] = 17000;
  for (const auto& sizes :
       {std::vector<std::int64_t>{1}, {3, 0, 15}, {4096, 16384, 16385, 8}, {70001}, {0, 0}, many}) {
    for (const std::int64_t shift : {0, 1}) {
      const auto gradients = random_gradients<T>(sizes);
      const double expected = plain_norm(gradients);
      const Norm clipped = norm_of(gradients, expected / 4, {}, shift);
      CHECK(static_cast<double>(clipped.norm) == Approx(expected).epsilon(0x1p-23));
      if (expected == 0.0) continue;
      CHECK(static_cast<double>(clipped.clip_scale) == Approx(0.25).epsilon(0x1p-23));
      const Norm larger = norm_of(gradients, expected * 2, {1.5f}, shift);
      CHECK(larger.norm == clipped.norm);
      CHECK(larger.clip_scale == 1.0f);
    }
  }
  CHECK(norm_of(random_gradients<T>({9}), 0.0).clip_scale == 1.0f);
  const Norm none = norm_of<T>({}, 1.0);
  CHECK(none.norm == 0.0f);
  CHECK(none.clip_scale == 1.0f);
}

TEMPLATE_TEST_CASE("gradient_norm shows what is not finite, the loss included", "[reduction]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const float odd : {kNan, kInfinity, -kInfinity}) {
    for (const std::size_t place : {std::size_t{0}, std::size_t{4095}, std::size_t{20002}}) {
      auto gradients = random_gradients<T>({10, 20003});
      gradients[1][place] = T(odd);
      const Norm found = norm_of(gradients, 1.0, {2.0f});
      CHECK_FALSE(std::isfinite(found.norm));
      CHECK(std::isnan(found.clip_scale));
    }
    const auto gradients = random_gradients<T>({100});
    for (const double maximum_norm : {0.0, 0.5, 1e6}) {
      const Norm found = norm_of(gradients, maximum_norm, {odd});
      CHECK(found.norm == norm_of(gradients, 0.0).norm);
      CHECK(std::isnan(found.clip_scale));
    }
  }
}

TEMPLATE_TEST_CASE("gradient_norm's squares neither overflow nor vanish", "[reduction]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const float size : {0x1p100f, 0x1p-100f}) {
    for (const std::int64_t count : {5, 20000}) {
      auto gradients = random_gradients<T>({count});
      for (T& value : gradients[0]) value = T(size * static_cast<float>(value));
      CHECK(static_cast<double>(norm_of(gradients, 0.0).norm) ==
            Approx(plain_norm(gradients)).epsilon(0x1p-23).margin(0.0));
    }
  }
}

// ---- column_sum ----

struct Columns {
  std::int64_t rows, width, shift;
};

template <typename T>
std::vector<float> column_sum(const Columns& shape, const std::vector<T>& input_values,
                              const std::vector<float>& out_values) {
  Guarded<T> input(input_values, shape.shift);
  Guarded<float> out(out_values, shape.shift);
  kernels::ColumnSum<T> x;
  x.rows = shape.rows;
  x.width = shape.width;
  x.input = input.span();
  x.out = out.span();
  OBVERSE_RUN(column_sum, x);
  return out.to_vector();
}

TEMPLATE_TEST_CASE("column_sum adds plain loops' sums", "[reduction]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  // One part and several, exactly and not; more rows than the most parts take of the least size;
  // wider than a block.
  constexpr Columns kShapes[] = {{0, 8, 0},    {1, 1, 0},      {3, 5, 1},    {17, 33, 0},
                                 {64, 614, 0}, {65, 8, 0},     {128, 64, 3}, {200, 264, 0},
                                 {300, 24, 8}, {17000, 11, 0}, {16500, 8, 0}};
  for (const Columns& shape : kShapes) {
    const auto input = normal_in<T>(shape.rows * shape.width, 1);
    const auto before = normal_in<float>(shape.width, 2);
    std::vector<double> exact(before.begin(), before.end());
    std::vector<float> plain(before.size());
    for (std::size_t i = 0; i < input.size(); ++i) {
      const std::size_t column = i % before.size();
      exact[column] += static_cast<double>(input[i]);
      plain[column] += static_cast<float>(input[i]);
    }
    for (std::size_t i = 0; i < plain.size(); ++i) plain[i] += before[i];
    check_flash_rule(column_sum(shape, input, before), plain, exact,
                     std::to_string(shape.rows) + "x" + std::to_string(shape.width));
  }
}

TEMPLATE_TEST_CASE("column_sum lets no NaN vanish", "[reduction]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const Columns& shape : {Columns{9, 24, 0}, Columns{150, 24, 1}}) {
    auto input = normal_in<T>(shape.rows * shape.width, 1);
    input[5] = input[static_cast<std::size_t>((shape.rows - 1) * shape.width + 11)] = T(kNan);
    const auto out = column_sum(shape, input, normal_in<float>(shape.width, 2));
    for (std::size_t i = 0; i < out.size(); ++i) CHECK(std::isnan(out[i]) == (i == 5 || i == 11));
  }
}

// ---- weighted_sum ----

float weighted_sum(const std::vector<float>& input_values, const std::vector<float>& weight_values,
                   const std::vector<float>& factor_values) {
  Guarded<float> input(input_values, 1), weights(weight_values, 2), factor(factor_values, 3);
  auto out = Guarded<float>::poisoned(1, 1);
  kernels::WeightedSum<float> x;
  x.scale = 0.7;
  x.factor = factor.span();
  x.input = input.span();
  x.weights = weights.span();
  x.out = out.span();
  OBVERSE_RUN(weighted_sum, x);
  return out.to_vector()[0];
}

TEST_CASE("weighted_sum equals double arithmetic, its weights and factor left out or not",
          "[reduction]") {
  for (const std::int64_t count : {0, 1, 15, 561, 16384, 16385, 50001}) {
    const auto input = normal_in<float>(count, 1);
    for (const bool weighted : {false, true}) {
      const auto weights = normal_in<float>(weighted ? count : 0, 2);
      double sum = 0.0;
      for (std::size_t i = 0; i < input.size(); ++i) {
        sum += static_cast<double>(input[i]) * (weighted ? static_cast<double>(weights[i]) : 1.0);
      }
      // One rounding to float; the order of the sum in double.
      const auto close = [](double expected) {
        return Approx(expected).epsilon(0x1p-24 + 1e-12).margin(1e-13);
      };
      CHECK(static_cast<double>(weighted_sum(input, weights, {})) == close(0.7 * sum));
      CHECK(static_cast<double>(weighted_sum(input, weights, {0.3f})) ==
            close(0.7 * static_cast<double>(0.3f) * sum));
    }
  }
  auto input = normal_in<float>(40000, 1);
  input[39999] = kNan;
  CHECK(std::isnan(weighted_sum(input, {}, {})));
  CHECK(std::isnan(weighted_sum({kNan}, {1.0f}, {})));
}

TEMPLATE_TEST_CASE("reductions have the same bits in every order of threads and blocks",
                   "[reduction]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const auto gradients = random_gradients<T>({40001, 3, 0, 17000});
  const Columns shape{300, 72, 0};
  const auto input = normal_in<T>(shape.rows * shape.width, 1);
  const auto floats = normal_in<float>(40001, 2);
  check_deterministic(
      [&] {
        auto sums = column_sum(shape, input, normal_in<float>(shape.width, 2));
        sums.push_back(norm_of(gradients, 1.0).norm);
        sums.push_back(weighted_sum(floats, floats, {}));
        return sums;
      },
      "sums");
}

TEST_CASE("reductions name what has the wrong size and write nothing", "[reduction]") {
  Buffer<float> six(std::vector<float>(6, 1.0f)), two(std::vector<float>(2, 3.0f)),
      one(std::vector<float>(1, 3.0f));
  const auto column_error = [&](const auto& change) {
    kernels::ColumnSum<float> x;
    x.rows = 3;
    x.width = 2;
    x.input = six.span();
    x.out = two.span();
    change(x);
    return error_of([&] { OBVERSE_RUN(column_sum, x); });
  };
  CHECK(column_error([](auto& x) { x.width = 0; }) ==
        "[column_sum] expected rows >= 0 and width > 0, got 3 and 0");
  CHECK(column_error([](auto& x) { x.rows = 2; }) ==
        "[column_sum] expected input of 4 elements, got 6");
  CHECK(column_error([&](auto& x) { x.out = one.span(); }) ==
        "[column_sum] expected out of 2 elements, got 1");
  const auto sum_error = [&](const auto& change) {
    kernels::WeightedSum<float> x;
    x.input = six.span();
    x.out = one.span();
    change(x);
    return error_of([&] { OBVERSE_RUN(weighted_sum, x); });
  };
  CHECK(sum_error([&](auto& x) { x.weights = two.span(); }) ==
        "[weighted_sum] expected weights of 6 elements or none, got 2");
  CHECK(sum_error([&](auto& x) { x.factor = two.span(); }) ==
        "[weighted_sum] expected factor of 1 elements or none, got 2");
  CHECK(sum_error([&](auto& x) { x.out = two.span(); }) ==
        "[weighted_sum] expected out of 1 elements, got 2");
  const auto norm_error = [&](const auto& change) {
    kernels::GradientNorm<float> x;
    x.norm = x.clip_scale = one.span();
    change(x);
    return error_of([&] { OBVERSE_RUN(gradient_norm, x); });
  };
  CHECK(norm_error([](auto& x) { x.maximum_norm = -1.0; }) ==
        "[gradient_norm] expected maximum_norm of at least 0, got -1");
  CHECK(norm_error([&](auto& x) { x.loss = two.span(); }) ==
        "[gradient_norm] expected loss of 1 elements or none, got 2");
  CHECK(norm_error([&](auto& x) { x.norm = two.span(); }) ==
        "[gradient_norm] expected norm of 1 elements, got 2");
  CHECK(norm_error([&](auto& x) { x.clip_scale = two.span(); }) ==
        "[gradient_norm] expected clip_scale of 1 elements, got 2");
  CHECK(two.to_vector() == std::vector<float>(2, 3.0f));
  CHECK(one.to_vector() == std::vector<float>(1, 3.0f));
}

}  // namespace
}  // namespace obverse::tests
