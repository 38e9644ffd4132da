#include "kernels/elementwise/elementwise.h"

#include <bit>
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

TEMPLATE_TEST_CASE("scale_by multiplies by a number in memory", "[elementwise]", float, double) {
  using T = TestType;
  for (const std::int64_t count : {0, 1, 17, 100001}) {
    const auto values = normal_values<T>(count, 1);
    for (const T factor : {T(-0.3), T(1)}) {
      std::vector<double> expected;
      for (const T value : values) expected.push_back(static_cast<double>(factor) * value);
      auto scaled = values;
      const std::vector<T> in_memory{factor};
      kernels::cpu::scale_by<T>({.factor = span(in_memory), .values = span(scaled)});
      check_close(scaled, expected, unit<T>(), 0.0, "values");
    }
  }
}

TEST_CASE("scale_by lets no NaN vanish, and touches nothing where the factor is 1",
          "[elementwise]") {
  std::vector<float> values(100, 2.0f);
  const std::vector<float> nan{std::numeric_limits<float>::quiet_NaN()}, one{1.0f};
  kernels::cpu::scale_by<float>({.factor = span(nan), .values = span(values)});
  for (const float value : values) REQUIRE(std::isnan(value));
  // Signalling NaNs, which any arithmetic would make quiet.
  std::vector<float> signalling(100, std::bit_cast<float>(0x7F800001u));
  const auto before = signalling;
  kernels::cpu::scale_by<float>({.factor = span(one), .values = span(signalling)});
  check_same_bits(signalling, before, "values");
}

TEST_CASE("cast rounds to nearest even, and back exactly", "[elementwise]") {
  using kernels::bf16;
  for (const std::int64_t count : {0, 1, 15, 33, 100001}) {
    auto values = normal_values<float>(count, 1);
    if (count > 3) {
      values[0] = std::bit_cast<float>(0x3F808000u);  // ties: down to 1, and up
      values[1] = std::bit_cast<float>(0x3F818000u);
      values[2] = std::numeric_limits<float>::max();
    }
    std::vector<bf16> rounded(values.size());
    std::vector<float> back(values.size());
    kernels::cpu::cast<float, bf16>({.input = span(values), .out = span(rounded)});
    kernels::cpu::cast<bf16, float>({.input = span(std::as_const(rounded)), .out = span(back)});
    for (std::size_t i = 0; i < values.size(); ++i) {
      REQUIRE(rounded[i].bits == bf16(values[i]).bits);
      REQUIRE(back[i] == static_cast<float>(bf16(values[i])));
    }
    if (count > 3) {
      CHECK(back[0] == 1.0f);
      CHECK(back[1] == 1.015625f);
      CHECK(std::isinf(back[2]));
    }
  }
  const std::vector<float> nans(50, std::bit_cast<float>(0x7FFFFFFFu));
  std::vector<bf16> rounded(nans.size());
  kernels::cpu::cast<float, bf16>({.input = span(nans), .out = span(rounded)});
  for (const bf16 value : rounded) REQUIRE(std::isnan(static_cast<float>(value)));
}

TEST_CASE("add, scale_by and cast name what has the wrong size", "[elementwise]") {
  std::vector<float> six(6), five(5);
  const auto constant_six = span(std::as_const(six)), constant_five = span(std::as_const(five));
  CHECK(error_of([&] { kernels::cpu::add<float>({.a = constant_five, .out = span(six)}); }) ==
        "[add] expected a of 6 elements, got 5");
  CHECK(error_of([&] {
          kernels::cpu::add<float>({.a = constant_six, .b = constant_five, .out = span(six)});
        }) == "[add] expected b of 6 elements or none, got 5");
  CHECK(error_of([&] { kernels::cpu::scale_by<float>({.values = span(six)}); }) ==
        "[scale_by] expected factor of 1 elements, got 0");
  std::vector<kernels::bf16> halves(6);
  CHECK(error_of([&] {
          kernels::cpu::cast<float, kernels::bf16>({.input = constant_five, .out = span(halves)});
        }) == "[cast] expected input of 6 elements, got 5");
}

}  // namespace
}  // namespace obverse::tests
