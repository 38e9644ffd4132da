#include "kernels/dropout/dropout.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kernels/core/random.h"
#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/backends/pointwise_cases.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

const kernels::RandomKey kKey{
    .seed = 0x123456789abcdef, .purpose = kernels::Purpose::dropout, .step = 77};

enum class Over { nothing, input, residual };

struct Settings {
  double rate = 0.1;
  kernels::RandomKey key = kKey;
  std::vector<std::uint64_t> step{};
  Over over = Over::nothing;
};

template <typename T>
std::vector<T> dropped(const PointwiseCase& shape, const std::vector<T>& inputs,
                       const std::vector<T>& residuals, const Settings& settings) {
  Guarded<T> input(inputs, shape.shift_a), residual(residuals, shape.shift_b);
  auto out = Guarded<T>::poisoned(static_cast<std::int64_t>(inputs.size()), shape.shift_out);
  Guarded<T>& written = settings.over == Over::input      ? input
                        : settings.over == Over::residual ? residual
                                                          : out;
  Buffer<std::uint64_t> step(settings.step);
  kernels::Dropout<T> x;
  x.rate = settings.rate;
  x.key = settings.key;
  x.step = step.span();
  x.input = input.span();
  if (!residuals.empty()) x.residual = residual.span();
  x.out = written.span();
  OBVERSE_RUN(dropout, x);
  return written.to_vector();
}

TEMPLATE_TEST_CASE("dropout drops and scales as double arithmetic does, in place too", "[dropout]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const PointwiseCase& shape : kPointwiseCases) {
    for (const double rate : {0.0, 0.1, 0.999}) {
      Settings settings{.rate = rate};
      const auto input = normal_in<T>(shape.count, 1), residual = normal_in<T>(shape.count, 2);
      const auto of = [&]<typename Number>(std::size_t i, Number /*type*/) {
        const auto scale = static_cast<Number>(1.0 / (1.0 - rate));
        return kernels::uniform(kKey, i) < rate ? Number(0) : static_cast<Number>(input[i]) * scale;
      };
      const auto plain = dropped(shape, input, {}, settings);
      check_each(
          plain, [&](std::size_t i) { return of(i, 0.0); },
          [&](std::size_t i) { return of(i, 0.0f); }, "out");
      const auto added = dropped(shape, input, residual, settings);
      check_each(
          added, [&](std::size_t i) { return static_cast<double>(residual[i]) + of(i, 0.0); },
          [&](std::size_t i) { return static_cast<float>(residual[i]) + of(i, 0.0f); },
          "out with residual");
      settings.over = Over::input;
      check_same_bits(dropped(shape, input, {}, settings), plain, "out over input");
      check_same_bits(dropped(shape, input, residual, settings), added,
                      "out with residual over input");
      if (shape.count == 0) continue;
      settings.over = Over::residual;
      check_same_bits(dropped(shape, input, residual, settings), added, "out over residual");
    }
  }
}

// The element must be dropped where uniform(key, i) < rate, in double, and nowhere else.
template <typename T>
void check_choice(const PointwiseCase& shape, const Settings& settings,
                  const kernels::RandomKey& key) {
  const std::vector<T> ones(static_cast<std::size_t>(shape.count), T(1.0f));
  const auto out = dropped(shape, ones, {}, settings);
  for (std::size_t i = 0; i < out.size(); ++i) {
    INFO("rate " << settings.rate << ", element " << i);
    REQUIRE((static_cast<float>(out[i]) == 0.0f) == (kernels::uniform(key, i) < settings.rate));
  }
}

TEMPLATE_TEST_CASE("dropout drops exactly where uniform(key, i) is below the rate", "[dropout]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const PointwiseCase aligned{.count = 4101}, unaligned{.count = 701, .shift_a = 1};
  // Rates that are some element's very draw, and their neighbours, tell < from <=.
  std::vector<double> rates{0.0, 1e-300, 0x1p-24, 0.3, 0.5, 1.0 - 0x1p-24, 1.0 - 0x1p-53};
  for (const std::uint64_t i : {0, 1, 3, 5, 700}) {
    const double draw = kernels::uniform(kKey, i);
    for (const double toward : {0.0, 1.0}) rates.push_back(std::nextafter(draw, toward));
    rates.push_back(draw);
  }
  for (const double rate : rates) {
    check_choice<T>(aligned, {.rate = rate}, kKey);
    check_choice<T>(unaligned, {.rate = rate}, kKey);
  }
}

TEMPLATE_TEST_CASE("dropout adds a number in memory to the key's step", "[dropout]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const std::uint64_t more : {std::uint64_t{0}, std::uint64_t{5}, ~std::uint64_t{0},
                                   std::uint64_t{0xFFFFFFFF}, std::uint64_t{1} << 40}) {
    kernels::RandomKey key = kKey;
    key.step += more;  // past 32 bits, and around
    for (const PointwiseCase& shape : {PointwiseCase{.count = 4101}, PointwiseCase{99, 1}}) {
      check_choice<T>(shape, {.rate = 0.4, .step = {more}}, key);
    }
  }
}

TEMPLATE_TEST_CASE("dropout keeps a NaN of a kept element only", "[dropout]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const std::vector<T> bad(2053, T(std::numeric_limits<float>::quiet_NaN())), fine(2053, T(1.0f));
  for (const bool has_residual : {false, true}) {
    const auto out = dropped({}, bad, has_residual ? fine : std::vector<T>(), {.rate = 0.3});
    for (std::size_t i = 0; i < out.size(); ++i) {
      REQUIRE(std::isnan(static_cast<float>(out[i])) == (kernels::uniform(kKey, i) >= 0.3));
    }
  }
  for (const T& value : dropped({}, fine, bad, {.rate = 0.3})) {
    REQUIRE(std::isnan(static_cast<float>(value)));
  }
}

TEMPLATE_TEST_CASE("dropout gives the same in every order", "[dropout]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const PointwiseCase shape{.count = 9001};
  const auto input = normal_in<T>(shape.count, 1), residual = normal_in<T>(shape.count, 2);
  check_deterministic(
      [&] {
        return dropped(shape, input, residual, {.rate = 0.1, .step = {3}, .over = Over::residual});
      },
      "out");
}

TEST_CASE("dropout names what is wrong", "[dropout]") {
  const std::vector<float> six(6), five(5);
  const auto message = [&](const std::vector<float>& residual, const Settings& settings) {
    return error_of([&] { dropped<float>({}, six, residual, settings); });
  };
  CHECK(message({}, {.rate = 1.0}) == "[dropout] expected a rate of at least 0 and below 1, got 1");
  CHECK(message({}, {.rate = -0.5}) ==
        "[dropout] expected a rate of at least 0 and below 1, got -0.5");
  CHECK(message(five, {}) == "[dropout] expected residual of 6 elements or none, got 5");
  CHECK(message({}, {.step = {1, 2}}) == "[dropout] expected step of 1 elements or none, got 2");
}

}  // namespace
}  // namespace obverse::tests
