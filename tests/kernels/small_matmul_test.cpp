#include "kernels/core/small_matmul.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

// c += a * b with rows of b and c further apart than they are wide, a read along either dimension.
template <typename T, int lanes>
void check_product(std::int64_t m, std::int64_t n, std::int64_t depth, bool transposed) {
  const std::int64_t b_stride = n + 3, c_stride = n + 5;
  const auto a = normal_values<T>(m * depth, 1), b = normal_values<T>(depth * b_stride, 2);
  const auto before = normal_values<T>(m * c_stride, 3);
  auto c = before;
  const kernels::StridedMatrix<T> view = transposed ? kernels::StridedMatrix<T>{a.data(), 1, m}
                                                    : kernels::StridedMatrix<T>{a.data(), depth, 1};
  kernels::small_matmul<T, lanes>(m, n, depth, view, b.data(), b_stride, c.data(), c_stride);
  INFO("m " << m << " n " << n << " depth " << depth << " transposed " << transposed << " lanes "
            << lanes);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < c_stride; ++j) {
      const auto at = static_cast<std::size_t>(i * c_stride + j);
      if (j >= n) {  // behind the row: not touched
        if (c[at] != before[at]) FAIL("wrote behind row " << i << " at column " << j);
        continue;
      }
      double sum = before[at], magnitude = std::abs(sum);
      for (std::int64_t p = 0; p < depth; ++p) {
        const double term =
            static_cast<double>(
                a[static_cast<std::size_t>(transposed ? p * m + i : i * depth + p)]) *
            b[static_cast<std::size_t>(p * b_stride + j)];
        sum += term;
        magnitude += std::abs(term);
      }
      // One rounding a product and one a sum at most.
      const double bound = static_cast<double>(2 * depth) * 0.5 * unit<T>() * magnitude;
      if (!(std::abs(static_cast<double>(c[at]) - sum) <= bound)) {
        FAIL("c[" << i << ", " << j << "]: expected " << sum << ", got " << c[at]);
      }
    }
  }
  SUCCEED();
}

TEMPLATE_TEST_CASE("small_matmul equals plain loops", "[small_matmul]", float, double) {
  using T = TestType;
  constexpr int kLanes = 64 / sizeof(T);
  for (const std::int64_t m : {0, 1, 2, 3, 7, 8, 9, 10, 17, 64}) {
    for (const std::int64_t depth : {0, 1, 5, 16, 65}) {
      for (const bool transposed : {false, true}) {
        for (const int vectors : {0, 1, 2, 3, 4}) {
          check_product<T, kLanes>(m, vectors * kLanes, depth, transposed);
          check_product<T, kLanes / 2>(m, vectors * kLanes / 2, depth, transposed);
        }
      }
    }
  }
}

}  // namespace
}  // namespace obverse::tests
