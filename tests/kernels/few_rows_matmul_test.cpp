#include "kernels/matmul/few_rows_matmul.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/matmul/matmul.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

enum class Initial { zeros, one_row, apart, itself };

template <typename T, int lanes>
void check_product(std::int64_t m, std::int64_t n, std::int64_t k, Initial kind) {
  INFO("m " << m << " n " << n << " k " << k << " initial " << static_cast<int>(kind) << " lanes "
            << lanes);
  const std::int64_t c_stride = n + 3, apart_stride = n + 5;
  const auto a = normal_values<T>(m * k, 1), b = normal_values<T>(n * k, 2);
  const auto before = normal_values<T>(m * c_stride, 3),
             apart = normal_values<T>(m * apart_stride, 4);
  auto c = before;
  kernels::FewRowsMatmul<T> x{.m = m, .n = n, .k = k, .a = a.data(), .b = b.data()};
  if (kind == Initial::one_row || kind == Initial::apart) x.initial = apart.data();
  if (kind == Initial::itself) x.initial = c.data();
  x.initial_stride = kind == Initial::apart ? apart_stride : kind == Initial::itself ? c_stride : 0;
  x.c = c.data();
  x.c_stride = c_stride;
  kernels::few_rows_matmul<T, lanes>(x);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < c_stride; ++j) {
      const auto at = static_cast<std::size_t>(i * c_stride + j);
      if (j >= n) {  // behind the row: not touched
        if (c[at] != before[at]) FAIL("wrote behind row " << i << " at column " << j);
        continue;
      }
      double sum = 0.0;
      if (kind == Initial::one_row) sum = apart[static_cast<std::size_t>(j)];
      if (kind == Initial::apart) sum = apart[static_cast<std::size_t>(i * apart_stride + j)];
      if (kind == Initial::itself) sum = before[at];
      double magnitude = std::abs(sum);
      for (std::int64_t p = 0; p < k; ++p) {
        const double term = static_cast<double>(a[static_cast<std::size_t>(i * k + p)]) *
                            b[static_cast<std::size_t>(j * k + p)];
        sum += term;
        magnitude += std::abs(term);
      }
      // One rounding a product and one a sum at most.
      const double allowed = static_cast<double>(2 * k + 1) * 0.5 * unit<T>() * magnitude;
      if (!(std::abs(static_cast<double>(c[at]) - sum) <= allowed)) {
        FAIL("(" << i << ", " << j << "): expected " << sum << ", got " << c[at]);
      }
    }
  }
}

TEMPLATE_TEST_CASE("products of few rows equal plain loops", "[few_rows_matmul]", float, double) {
  using T = TestType;
  constexpr int kLanes = 64 / sizeof(T);
  // Rows and columns of every remainder, depths of no, one and several vectors and rests of them.
  for (const std::int64_t m : {1, 2, 3, 4, 7}) {
    for (const std::int64_t n : {1, 4, 7, 18}) {
      for (const std::int64_t k : {0, 1, 5, 16, 37}) {
        for (const auto kind :
             {Initial::zeros, Initial::one_row, Initial::apart, Initial::itself}) {
          check_product<T, kLanes>(m, n, k, kind);
          check_product<T, kLanes / 2>(m, n, k, kind);
        }
      }
    }
  }
}

TEST_CASE("a product of few rows has the same bits with one thread and with two",
          "[few_rows_matmul]") {
  const std::int64_t n = 9000, k = 130;
  const auto a = normal_values<float>(k, 1), b = normal_values<float>(n * k, 2),
             bias = normal_values<float>(n, 3);
  const auto product = [&](int threads) {
    const WithThreads with_threads(threads);
    std::vector<float> out(static_cast<std::size_t>(n));
    kernels::Matmul<float> x;
    x.m = 1;
    x.n = n;
    x.k = k;
    x.transpose_b = true;
    x.a = span(a);
    x.b = span(b);
    x.bias = span(bias);
    x.out = span(out);
    kernels::cpu::matmul(x);
    return out;
  };
  check_same_bits(product(2), product(1), "out");
}

}  // namespace
}  // namespace obverse::tests
