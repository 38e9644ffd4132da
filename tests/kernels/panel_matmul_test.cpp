#include "kernels/matmul/panel_matmul.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

// What the product is added to.
enum class Initial { zeros, one_row, apart, itself };

// Every matrix has longer rows than its width, so that a stride taken for a width shows.
template <typename T, int lanes>
void check_product(std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a,
                   bool transpose_b, Initial kind) {
  INFO("m " << m << " n " << n << " k " << k << " transpose " << transpose_a << transpose_b
            << " initial " << static_cast<int>(kind) << " lanes " << lanes);
  const std::int64_t a_stride = (transpose_a ? m : k) + 1, b_stride = (transpose_b ? k : n) + 2;
  const std::int64_t c_stride = n + 3, apart_stride = n + 5;
  const auto a = normal_values<T>((transpose_a ? k : m) * a_stride, 1);
  const auto b = normal_values<T>((transpose_b ? n : k) * b_stride, 2);
  const auto before = normal_values<T>(m * c_stride, 3);
  const auto apart = normal_values<T>(m * apart_stride, 4);
  auto c = before;
  kernels::PanelMatmul<T> x{.m = m, .n = n, .k = k};
  x.a = transpose_a ? kernels::StridedMatrix<T>{a.data(), 1, a_stride}
                    : kernels::StridedMatrix<T>{a.data(), a_stride, 1};
  x.b = transpose_b ? kernels::StridedMatrix<T>{b.data(), 1, b_stride}
                    : kernels::StridedMatrix<T>{b.data(), b_stride, 1};
  if (kind == Initial::one_row || kind == Initial::apart) x.initial = apart.data();
  if (kind == Initial::itself) x.initial = c.data();
  x.initial_stride = kind == Initial::apart ? apart_stride : kind == Initial::itself ? c_stride : 0;
  x.c = c.data();
  x.c_stride = c_stride;
  kernels::panel_matmul<T, lanes>(x);
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
        const std::int64_t left = transpose_a ? p * a_stride + i : i * a_stride + p;
        const std::int64_t right = transpose_b ? j * b_stride + p : p * b_stride + j;
        const double term = static_cast<double>(a[static_cast<std::size_t>(left)]) *
                            b[static_cast<std::size_t>(right)];
        sum += term;
        magnitude += std::abs(term);
      }
      // One rounding a product and one a sum at most.
      const double bound = static_cast<double>(2 * k) * 0.5 * unit<T>() * magnitude;
      if (!(std::abs(static_cast<double>(c[at]) - sum) <= bound)) {
        FAIL("c[" << i << ", " << j << "]: expected " << sum << ", got " << c[at]);
      }
    }
  }
  SUCCEED();
}

template <typename T, int lanes>
void check_every_form(std::int64_t m, std::int64_t n, std::int64_t k) {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const Initial kind :
           {Initial::zeros, Initial::one_row, Initial::apart, Initial::itself}) {
        check_product<T, lanes>(m, n, k, transpose_a, transpose_b, kind);
      }
    }
  }
}

TEMPLATE_TEST_CASE("panel_matmul equals plain loops in every form", "[panel_matmul]", float,
                   double) {
  using T = TestType;
  constexpr int kLanes = 64 / sizeof(T);
  // Every remainder of the tile's rows, and every number of vectors, whole and partial.
  for (const std::int64_t m : {1, 2, 3, 5, 6, 7, 8, 10, 13, 14, 20}) {
    for (const std::int64_t vectors : {0, 1, 2, 3, 4, 5}) {
      for (const std::int64_t rest : {0, 1, kLanes - 1}) {
        check_every_form<T, kLanes>(m, vectors * kLanes + rest, 1 + (m * 7 + vectors) % 37);
      }
    }
    check_every_form<T, kLanes / 2>(m, 3 * kLanes / 2 + 1, 9);
    check_every_form<T, kLanes>(m, 33, 0);  // a sum of nothing
  }
}

TEST_CASE("panel_matmul crosses its blocks of depth, rows and columns", "[panel_matmul]") {
  check_every_form<float, 16>(7, 70, kernels::detail::kPanelDepth + 5);
  check_every_form<float, 16>(7, 20, 2 * kernels::detail::kPanelDepth);
  check_every_form<float, 16>(kernels::detail::kPanelBlockRows + 8, 70, 17);
  check_every_form<float, 16>(9, kernels::detail::kPanelBlockColumns + 70, 19);
  // A transposed with rows of more than a page: copied a block at a time.
  check_every_form<float, 16>(1100, 70, kernels::detail::kPanelDepth + 5);
}

TEST_CASE("panel_matmul lets a NaN and an infinity through", "[panel_matmul]") {
  const std::vector<float> a = {1.0f, std::nanf(""), 1.0f, 2.0f};
  const std::vector<float> b = {0.0f, HUGE_VALF, 1.0f, 1.0f};
  std::vector<float> c(4);
  kernels::panel_matmul<float, 16>({.m = 2,
                                    .n = 2,
                                    .k = 2,
                                    .a = {a.data(), 2, 1},
                                    .b = {b.data(), 2, 1},
                                    .initial = nullptr,
                                    .initial_stride = 0,
                                    .c = c.data(),
                                    .c_stride = 2});
  CHECK(std::isnan(c[0]));
  CHECK(std::isnan(c[1]));
  CHECK(c[2] == 2.0f);
  CHECK(c[3] == HUGE_VALF);
}

}  // namespace
}  // namespace obverse::tests
