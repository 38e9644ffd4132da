#include "kernels/core/transpose.h"

#include <cstdint>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

template <typename T, int lanes>
void check_copy(std::int64_t rows, std::int64_t width, std::int64_t padding) {
  INFO("rows " << rows << " width " << width << " padding " << padding << " lanes " << lanes);
  const std::int64_t stride = width + 3, to_stride = rows + padding;
  const auto from = normal_values<T>(rows * stride, 1);
  std::vector<T> to(static_cast<std::size_t>(width * to_stride + 1), T(7));
  kernels::copy_transposed<T, lanes>(from.data(), stride, rows, width, to.data(), to_stride);
  for (std::int64_t p = 0; p < width; ++p) {
    for (std::int64_t i = 0; i < to_stride; ++i) {
      const T expected = i < rows ? from[static_cast<std::size_t>(i * stride + p)] : T(0);
      const T found = to[static_cast<std::size_t>(p * to_stride + i)];
      if (found != expected)
        FAIL("to[" << p << ", " << i << "]: expected " << expected << ", got " << found);
    }
  }
  CHECK(to.back() == T(7));
}

TEMPLATE_TEST_CASE("copy_transposed moves every element once", "[transpose]", float, double) {
  using T = TestType;
  constexpr int kLanes = 64 / sizeof(T);
  for (const std::int64_t rows : {0, 1, 7, 8, 9, 16, 17, 33}) {
    for (const std::int64_t width : {1, 5, 8, 16, 19, 32, 40}) {
      for (const std::int64_t padding : {0, 1, 15}) {
        check_copy<T, kLanes>(rows, width, padding);
        check_copy<T, kLanes / 2>(rows, width, padding);
        check_copy<T, kLanes / 4>(rows, width, padding);
      }
    }
  }
}

}  // namespace
}  // namespace obverse::tests
