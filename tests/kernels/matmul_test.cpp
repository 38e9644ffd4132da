#include "kernels/matmul/matmul.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

using kernels::ActivationKind;
using kernels::Matmul;

struct Sizes {
  std::int64_t m, n, k;
};

// Tiny, odd, long and thin, a product of nothing, and sizes past OpenBLAS's own tiles.
constexpr Sizes kSizes[] = {{1, 1, 1},     {1, 7, 3},     {5, 1, 9},   {3, 5, 0},
                            {1, 4, 0},     {4, 1, 0},     {17, 33, 8}, {64, 65, 63},
                            {130, 31, 77}, {1, 300, 257}, {300, 1, 5}};

double activate(ActivationKind kind, double x) {
  if (kind == ActivationKind::gelu) {
    return 0.5 * x * (1.0 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  }
  if (kind == ActivationKind::relu2) return x > 0.0 ? x * x : 0.0;
  return x;
}

// A dot product of k terms errs by at most k * unit / 2 * sum |a b| whatever its order, bias and
// residual add one more rounding each.
template <typename T>
struct Reference {
  std::vector<double> product, magnitude;

  Reference(const Matmul<T>& x, const std::vector<T>& a, const std::vector<T>& b) {
    for (std::int64_t i = 0; i < x.m; ++i) {
      for (std::int64_t j = 0; j < x.n; ++j) {
        double sum = 0.0, size = 0.0;
        for (std::int64_t p = 0; p < x.k; ++p) {
          const double left =
              a[static_cast<std::size_t>(x.transpose_a ? p * x.m + i : i * x.k + p)];
          const double right =
              b[static_cast<std::size_t>(x.transpose_b ? j * x.k + p : p * x.n + j)];
          sum += left * right;
          size += std::abs(left * right);
        }
        product.push_back(sum);
        magnitude.push_back(size);
      }
    }
  }
};

// Passes where |actual - expected| <= (k + 4) * unit / 2 * slope * (magnitude + |expected| + 1).
template <typename T>
void check_product(const std::vector<T>& actual, const std::vector<double>& expected,
                   const std::vector<double>& magnitude, std::int64_t k, double slope,
                   const char* what) {
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double bound = static_cast<double>(k + 4) * 0.5 * unit<T>() * slope *
                         (magnitude[i] + std::abs(expected[i]) + 1.0);
    const double error = std::abs(static_cast<double>(actual[i]) - expected[i]);
    if (!(error <= bound)) {
      FAIL_CHECK(what << "[" << i << "]: expected " << expected[i] << ", got " << actual[i]
                      << ", bound " << bound);
      return;
    }
  }
  SUCCEED();
}

enum class Residual { none, apart, in_place };

template <typename T>
void check_case(const Sizes& sizes, bool transpose_a, bool transpose_b, bool with_bias,
                Residual residual_kind, ActivationKind activation, bool saves, int threads) {
  const auto [m, n, k] = sizes;
  const auto a = normal_values<T>(m * k, 1), b = normal_values<T>(k * n, 2);
  const auto bias = normal_values<T>(n, 3), residual = normal_values<T>(m * n, 4);
  // What is there before must not be read, but for a residual in place.
  std::vector<T> out(static_cast<std::size_t>(m * n), std::numeric_limits<T>::quiet_NaN());
  std::vector<T> saved = out;
  if (residual_kind == Residual::in_place) out = residual;
  Matmul<T> x{.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b};
  x.a = span(a);
  x.b = span(b);
  if (with_bias) x.bias = span(bias);
  if (residual_kind == Residual::apart) x.residual = span(residual);
  if (residual_kind == Residual::in_place) x.residual = span(std::as_const(out));
  x.activation = activation;
  if (saves) x.pre_activation = span(saved);
  x.out = span(out);
  {
    const WithThreads with_threads(threads);
    kernels::cpu::matmul(x);
  }
  const Reference<T> reference(x, a, b);
  std::vector<double> pre = reference.product, expected = pre, magnitude = reference.magnitude;
  double largest = 1.0;
  for (std::size_t i = 0; i < pre.size(); ++i) {
    const auto column = i % static_cast<std::size_t>(n);
    if (with_bias) pre[i] += static_cast<double>(bias[column]);
    expected[i] = activate(activation, pre[i]);
    if (residual_kind != Residual::none) expected[i] += static_cast<double>(residual[i]);
    if (with_bias) magnitude[i] += std::abs(static_cast<double>(bias[column]));
    if (residual_kind != Residual::none) {
      magnitude[i] += std::abs(static_cast<double>(residual[i]));
    }
    largest = std::max(largest, std::abs(pre[i]));
  }
  // relu2's slope is 2 x and GELU's at most 1.13; the activation itself rounds a few times.
  const double slope = activation == ActivationKind::none    ? 1.0
                       : activation == ActivationKind::relu2 ? 2.0 * largest
                                                             : 4.0;
  INFO("m " << m << " n " << n << " k " << k << " transpose " << transpose_a << transpose_b
            << " bias " << with_bias << " residual " << static_cast<int>(residual_kind)
            << " activation " << static_cast<int>(activation) << " saves " << saves << " threads "
            << threads);
  check_product(out, expected, magnitude, k, slope, "out");
  if (saves && activation != ActivationKind::none) {
    check_product(saved, pre, magnitude, k, 1.0, "pre_activation");
  }
}

TEMPLATE_TEST_CASE("matmul equals plain loops with every transpose and epilogue", "[matmul]", float,
                   double) {
  using T = TestType;
  for (const Sizes& sizes : kSizes) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const bool with_bias : {false, true}) {
          for (const Residual residual : {Residual::none, Residual::apart, Residual::in_place}) {
            check_case<T>(sizes, transpose_a, transpose_b, with_bias, residual,
                          ActivationKind::none, false, 1);
            for (const auto activation : {ActivationKind::gelu, ActivationKind::relu2}) {
              check_case<T>(sizes, transpose_a, transpose_b, with_bias, residual, activation, true,
                            1);
              if (residual == Residual::in_place) continue;
              check_case<T>(sizes, transpose_a, transpose_b, with_bias, residual, activation, false,
                            1);
            }
          }
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("matmul adds to what is there where it accumulates", "[matmul]", float, double) {
  using T = TestType;
  for (const auto& [m, n, k] : kSizes) {
    const auto a = normal_values<T>(m * k, 1), b = normal_values<T>(k * n, 2);
    const auto before = normal_values<T>(m * n, 3);
    auto out = before;
    Matmul<T> x{.m = m, .n = n, .k = k};
    x.transpose_a = true;
    x.a = span(a);
    x.b = span(b);
    x.accumulate = true;
    x.out = span(out);
    kernels::cpu::matmul(x);
    const Reference<T> reference(x, a, b);
    std::vector<double> expected = in_double(before);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += reference.product[i];
    INFO("m " << m << " n " << n << " k " << k);
    check_product(out, expected, reference.magnitude, k, 1.0, "out");
    if (k == 0) check_same_bits(out, before, "out");
  }
}

// Large enough for two blocks, cut by rows or by columns, and for a grid of five.
TEMPLATE_TEST_CASE("matmul is right on any number of threads", "[matmul]", float, double) {
  using T = TestType;
  for (const Sizes& sizes : {Sizes{301, 129, 130}, Sizes{130, 301, 129}, Sizes{200, 210, 250}}) {
    for (const int threads : {1, 2, 5}) {
      for (const bool transposed : {false, true}) {
        check_case<T>(sizes, transposed, !transposed, true, Residual::in_place,
                      ActivationKind::gelu, true, threads);
        check_case<T>(sizes, transposed, transposed, true, Residual::apart, ActivationKind::none,
                      false, threads);
      }
    }
  }
}

// Small products, of which a thread takes several, and one that is cut into blocks itself.
TEMPLATE_TEST_CASE("matmul of a batch equals its products one by one", "[matmul]", float, double) {
  using T = TestType;
  for (const auto& [m, n, k] : {Sizes{17, 33, 8}, Sizes{5, 7, 0}, Sizes{200, 210, 250}}) {
    constexpr std::int64_t kBatch = 7, kGap = 3;
    const std::int64_t stride = m * n + kGap, elements = (kBatch - 1) * stride + m * n;
    const auto a = normal_values<T>(kBatch * m * k, 1), b = normal_values<T>(k * n, 2);
    const auto bias = normal_values<T>(n, 3), residual = normal_values<T>(elements, 4);
    for (const int threads : {1, 5}) {
      INFO("m " << m << " n " << n << " k " << k << " threads " << threads);
      const WithThreads with_threads(threads);
      auto together = normal_values<T>(elements, 5);  // what lies in the gaps stays
      auto saved = together, apart = together, apart_saved = together;
      Matmul<T> x{.m = m, .n = n, .k = k};
      x.a = span(a);
      x.b = span(b);
      x.bias = span(bias);
      x.residual = span(residual);
      x.activation = ActivationKind::gelu;
      x.pre_activation = span(saved);
      x.out = span(together);
      x.batch = kBatch;
      x.b_stride = 0;
      x.out_stride = stride;
      kernels::cpu::matmul(x);
      for (std::int64_t i = 0; i < kBatch; ++i) {
        Matmul<T> one = x;
        one.batch = 1;
        one.a = x.a.subspan(i * m * k, m * k);
        one.residual = x.residual.subspan(i * stride, m * n);
        one.pre_activation = span(apart_saved).subspan(i * stride, m * n);
        one.out = span(apart).subspan(i * stride, m * n);
        kernels::cpu::matmul(one);
      }
      // Blocks of other sizes may add in another order.
      const double tolerance = static_cast<double>(k + 4) * unit<T>();
      check_close(together, in_double(apart), tolerance, 1.0, "out");
      check_close(saved, in_double(apart_saved), tolerance, 1.0, "pre_activation");
    }
  }
}

TEST_CASE("matmul of no rows or no columns does nothing", "[matmul]") {
  const auto some = normal_values<float>(12, 1);
  Matmul<float> x{.m = 0, .n = 4, .k = 3};
  x.b = span(some);
  kernels::cpu::matmul(x);
  x.m = 4;
  x.n = 0;
  x.a = span(some);
  x.b = {};
  kernels::cpu::matmul(x);
  SUCCEED();
}

TEST_CASE("matmul names what is wrong", "[matmul]") {
  const auto a = normal_values<float>(6, 1), b = normal_values<float>(12, 2);
  std::vector<float> out(8), short_row(3);
  Matmul<float> x{.m = 2, .n = 4, .k = 3};
  x.a = span(a);
  x.b = span(b);
  x.out = span(out);
  const auto message = [&] { return error_of([&] { kernels::cpu::matmul(x); }); };
  CHECK(message() == "nothing thrown");
  x.m = -1;
  CHECK(message() == "[matmul] expected sizes of at least 0, got m = -1, n = 4, k = 3");
  x.m = std::int64_t{1} << 31;
  CHECK(message() == "[matmul] expected sizes below 2^31, got m = 2147483648, n = 4, k = 3");
  x.m = 2;
  const std::string sizes = " elements (m = 2, n = 4, k = 3), got 3";
  x.a = span(std::as_const(short_row));
  CHECK(message() == "[matmul] expected a of 6" + sizes);
  x.a = span(a);
  x.b = span(std::as_const(short_row));
  CHECK(message() == "[matmul] expected b of 12" + sizes);
  x.b = span(b);
  x.out = span(short_row);
  CHECK(message() == "[matmul] expected out of 8" + sizes);
  x.out = span(out);
  x.bias = span(std::as_const(short_row));
  CHECK(message() == "[matmul] expected bias of 4" + sizes);
  x.bias = {};
  x.residual = span(std::as_const(short_row));
  CHECK(message() == "[matmul] expected residual of 8" + sizes);
  x.residual = {};
  x.pre_activation = span(short_row);
  CHECK(message() == "[matmul] expected pre_activation of 8" + sizes);
  x.pre_activation = {};
  const std::string accumulates =
      "[matmul] expected no bias, residual or activation where the product accumulates";
  x.accumulate = true;
  x.activation = ActivationKind::gelu;
  CHECK(message() == accumulates);
  x.activation = ActivationKind::none;
  x.residual = span(std::as_const(out));
  CHECK(message() == accumulates);
  x.accumulate = false;
  x.activation = ActivationKind::relu2;
  CHECK(message() ==
        "[matmul] expected pre_activation where an activated product adds a residual in place");
}

}  // namespace
}  // namespace obverse::tests
