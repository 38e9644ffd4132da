#include "kernels/elementwise/elementwise.h"

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

TEMPLATE_TEST_CASE("add equals plain loops, in place too", "[elementwise]", float, double) {
  using T = TestType;
  for (const std::int64_t count : {0, 1, 15, 561, 39296, 100001}) {
    const auto a = normal_values<T>(count, 1), b = normal_values<T>(count, 2);
    std::vector<double> both, alone;
    for (std::size_t i = 0; i < a.size(); ++i) {
      both.push_back(0.5 * a[i] - 3.0 * b[i]);
      alone.push_back(0.5 * a[i]);
    }
    std::vector<T> out(a.size());
    kernels::cpu::add<T>(
        {.scale_a = 0.5, .scale_b = -3.0, .a = span(a), .b = span(b), .out = span(out)});
    check_close(out, both, 2 * unit<T>(), 3.0, "out");
    auto over_a = a, over_b = b;
    kernels::cpu::add<T>({.scale_a = 0.5,
                          .scale_b = -3.0,
                          .a = span(std::as_const(over_a)),
                          .b = span(b),
                          .out = span(over_a)});
    check_same_bits(over_a, out, "out over a");
    kernels::cpu::add<T>({.scale_a = 0.5,
                          .scale_b = -3.0,
                          .a = span(a),
                          .b = span(std::as_const(over_b)),
                          .out = span(over_b)});
    check_same_bits(over_b, out, "out over b");
    kernels::cpu::add<T>({.scale_a = 0.5, .a = span(a), .out = span(out)});
    check_close(out, alone, unit<T>(), 0.0, "out without b");
  }
}

TEST_CASE("fill writes every element", "[elementwise]") {
  for (const std::int64_t count : {0, 1, 17, 100001}) {
    std::vector<float> out(static_cast<std::size_t>(count), 1.0f);
    kernels::cpu::fill<float>({.value = 2.5, .out = span(out)});
    CHECK(out == std::vector<float>(out.size(), 2.5f));
  }
}

TEST_CASE("add names what has the wrong size", "[elementwise]") {
  std::vector<float> six(6), five(5);
  const auto constant_six = span(std::as_const(six)), constant_five = span(std::as_const(five));
  CHECK(error_of([&] { kernels::cpu::add<float>({.a = constant_five, .out = span(six)}); }) ==
        "[add] expected a of 6 elements, got 5");
  CHECK(error_of([&] {
          kernels::cpu::add<float>({.a = constant_six, .b = constant_five, .out = span(six)});
        }) == "[add] expected b of 6 elements or none, got 5");
}

}  // namespace
}  // namespace obverse::tests
