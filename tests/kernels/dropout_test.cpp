#include "kernels/dropout/dropout.h"

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

const kernels::RandomKey kKey{
    .seed = 0x123456789abcdef, .purpose = kernels::Purpose::dropout, .step = 77};

template <typename T>
std::vector<T> dropped(double rate, const std::vector<T>& input, const std::vector<T>& residual) {
  std::vector<T> out(input.size(), T(9));
  kernels::cpu::dropout<T>({.rate = rate,
                            .key = kKey,
                            .input = span(input),
                            .residual = span(residual),
                            .out = span(out)});
  return out;
}

TEMPLATE_TEST_CASE("dropout drops exactly where uniform(key, i) says", "[dropout]", float, double) {
  using T = TestType;
  for (const std::int64_t count : {0, 1, 15, 127, 129, 561, 39296}) {
    for (const double rate : {0.0, 0.1, 0.5, 0.999}) {
      const auto input = normal_values<T>(count, 1), residual = normal_values<T>(count, 2);
      std::vector<double> plain, added;
      for (std::size_t i = 0; i < input.size(); ++i) {
        const bool drop = kernels::uniform(kKey, i) < rate;
        plain.push_back(drop ? 0.0 : static_cast<double>(input[i]) / (1.0 - rate));
        added.push_back(plain.back() + static_cast<double>(residual[i]));
      }
      check_close(dropped(rate, input, {}), plain, 2 * unit<T>(), 0.0, "out");
      check_close(dropped(rate, input, residual), added, 2 * unit<T>(), 4.0 / (1.0 - rate),
                  "out with residual");
    }
  }
}

TEST_CASE("dropout adds a number in memory to the key's step", "[dropout]") {
  const auto input = normal_values<float>(1000, 1);
  for (const std::uint64_t more :
       {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{0xFFFFFFFF}, ~std::uint64_t{0}}) {
    kernels::RandomKey key = kKey;
    key.step += more;
    const std::vector<std::uint64_t> step{more};
    std::vector<float> out(input.size(), 9.0f);
    kernels::cpu::dropout<float>(
        {.rate = 0.4, .key = kKey, .step = span(step), .input = span(input), .out = span(out)});
    for (std::size_t i = 0; i < out.size(); ++i) {
      REQUIRE((out[i] == 0.0f) == (kernels::uniform(key, i) < 0.4));
    }
  }
}

TEST_CASE("dropout tells a rate that is an element's very draw from its neighbours", "[dropout]") {
  const std::vector<float> ones(200, 1.0f);
  for (const std::uint64_t i : {0, 1, 2, 3, 100, 199}) {
    const double draw = kernels::uniform(kKey, i);
    for (const double rate : {std::nextafter(draw, 0.0), draw, std::nextafter(draw, 1.0)}) {
      const auto out = dropped(rate, ones, {});
      for (std::size_t j = 0; j < out.size(); ++j) {
        REQUIRE((out[j] == 0.0f) == (kernels::uniform(kKey, j) < rate));
      }
    }
  }
}

TEST_CASE("dropout keeps about 1 - rate of the elements, and no NaN of a dropped one",
          "[dropout]") {
  const std::vector<float> input(100000, 1.0f), bad(1000, std::numeric_limits<float>::quiet_NaN());
  int kept = 0;
  for (const float value : dropped<float>(0.3, input, {})) kept += value != 0.0f;
  CHECK(std::abs(kept - 70000) < 5 * std::sqrt(100000 * 0.3 * 0.7));
  std::size_t nans = 0, expected = 0;
  const auto out = dropped<float>(0.3, bad, {});
  for (std::size_t i = 0; i < out.size(); ++i) {
    nans += std::isnan(out[i]);
    expected += kernels::uniform(kKey, i) >= 0.3;
  }
  CHECK(nans == expected);
}

TEST_CASE("dropout is its own gradient, in place and with two threads", "[dropout]") {
  auto input = normal_values<double>(50, 1);
  const auto weights = normal_values<double>(50, 2);
  check_gradient(
      input, [&] { return dot(dropped<double>(0.4, input, {}), weights); },
      dropped<double>(0.4, weights, {}), "gradient");
  const auto values = normal_values<float>(100003, 1), residual = normal_values<float>(100003, 2);
  const auto run = [&](int threads, bool over_residual) {
    const WithThreads with_threads(threads);
    auto out = over_residual ? residual : values;
    const auto constant = span(std::as_const(out));
    kernels::cpu::dropout<float>({.rate = 0.1,
                                  .key = kKey,
                                  .input = over_residual ? span(values) : constant,
                                  .residual = over_residual ? constant : span(residual),
                                  .out = span(out)});
    return out;
  };
  const auto expected = dropped(0.1, values, residual);
  for (const int threads : {1, 2}) {
    check_same_bits(run(threads, true), expected, "out over residual");
    check_same_bits(run(threads, false), expected, "out over input");
  }
}

TEST_CASE("dropout names what is wrong", "[dropout]") {
  const std::vector<float> six(6), five(5);
  CHECK(error_of([&] { dropped<float>(1.0, six, {}); }) ==
        "[dropout] expected a rate of at least 0 and below 1, got 1");
  CHECK(error_of([&] { dropped<float>(-0.5, six, {}); }) ==
        "[dropout] expected a rate of at least 0 and below 1, got -0.5");
  CHECK(error_of([&] { dropped<float>(0.5, six, five); }) ==
        "[dropout] expected residual of 6 elements or none, got 5");
  std::vector<float> out(6);
  const std::vector<std::uint64_t> two(2);
  CHECK(error_of([&] {
          kernels::cpu::dropout<float>({.step = span(two), .input = span(six), .out = span(out)});
        }) == "[dropout] expected step of 1 elements or none, got 2");
}

}  // namespace
}  // namespace obverse::tests
