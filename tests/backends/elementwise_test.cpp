#include "kernels/elementwise/elementwise.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/backends/pointwise_cases.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

constexpr double kScaleA = 0.7, kScaleB = -3.1;

enum class Over { nothing, a, b };

template <typename T>
std::vector<T> added(const PointwiseCase& shape, const std::vector<T>& a_values,
                     const std::vector<T>& b_values, Over over = Over::nothing) {
  Guarded<T> a(a_values, shape.shift_a), b(b_values, shape.shift_b);
  auto out = Guarded<T>::poisoned(shape.count, shape.shift_out);
  Guarded<T>& written = over == Over::a ? a : over == Over::b ? b : out;
  kernels::Add<T> x;
  x.scale_a = kScaleA;
  x.scale_b = kScaleB;
  x.a = a.span();
  if (!b_values.empty()) x.b = b.span();
  x.out = written.span();
  OBVERSE_RUN(add, x);
  return written.to_vector();
}

TEMPLATE_TEST_CASE("add equals double arithmetic, in place too", "[elementwise]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const PointwiseCase& shape : kPointwiseCases) {
    const auto a = normal_in<T>(shape.count, 1), b = normal_in<T>(shape.count, 2);
    const auto both = added(shape, a, b);
    check_each(
        both,
        [&](std::size_t i) {
          return kScaleA * static_cast<double>(a[i]) + kScaleB * static_cast<double>(b[i]);
        },
        [&](std::size_t i) {
          return static_cast<float>(kScaleA) * static_cast<float>(a[i]) +
                 static_cast<float>(kScaleB) * static_cast<float>(b[i]);
        },
        "a and b");
    check_same_bits(added(shape, a, b, Over::a), both, "out over a");
    check_same_bits(added(shape, a, b, Over::b), both, "out over b");
    const auto alone = added(shape, a, {});
    check_each(
        alone, [&](std::size_t i) { return kScaleA * static_cast<double>(a[i]); },
        [&](std::size_t i) { return static_cast<float>(kScaleA) * static_cast<float>(a[i]); },
        "a alone");
    check_same_bits(added(shape, a, {}, Over::a), alone, "out over a alone");
  }
}

TEMPLATE_TEST_CASE("add lets no NaN vanish", "[elementwise]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  auto a = normal_in<T>(4099, 1), b = normal_in<T>(4099, 2);
  a[5] = a[4097] = b[6] = T(kNan);
  const auto out = added({.count = 4099}, a, b);
  for (std::size_t i = 0; i < out.size(); ++i) {
    REQUIRE(std::isnan(static_cast<float>(out[i])) == (i == 5 || i == 4097 || i == 6));
  }
}

TEMPLATE_TEST_CASE("add gives the same in every order", "[elementwise]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const PointwiseCase shape{.count = 9001};
  const auto a = normal_in<T>(shape.count, 1), b = normal_in<T>(shape.count, 2);
  check_deterministic([&] { return added(shape, a, b, Over::a); }, "out");
}

TEMPLATE_TEST_CASE("fill writes every element, rounded", "[elementwise]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const PointwiseCase& shape : kPointwiseCases) {
    auto out = Guarded<T>::poisoned(shape.count, shape.shift_out);
    kernels::Fill<T> x;
    x.value = 2.7182818;
    x.out = out.span();
    OBVERSE_RUN(fill, x);
    check_same_bits(out.to_vector(),
                    std::vector<T>(static_cast<std::size_t>(shape.count), T(2.7182818f)), "out");
  }
}

template <typename T>
std::vector<T> scaled(std::int64_t shift, const std::vector<T>& values, float factor) {
  Guarded<T> array(values, shift);
  Buffer<float> in_memory(std::vector<float>{factor});
  kernels::ScaleBy<T> x;
  x.factor = in_memory.span();
  x.values = array.span();
  OBVERSE_RUN(scale_by, x);
  return array.to_vector();
}

TEMPLATE_TEST_CASE("scale_by multiplies by a number in memory", "[elementwise]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  constexpr float kFactor = -0.3f;
  std::vector<PointwiseCase> shapes(std::begin(kPointwiseCases), std::end(kPointwiseCases));
  // More than all blocks of a launch take in one turn.
  shapes.push_back({.count = (sizeof(T) == 4 ? 1 : 2) * 64 * 4096 + 4107});
  for (const PointwiseCase& shape : shapes) {
    const auto values = normal_in<T>(shape.count, 1);
    check_each(
        scaled(shape.shift_a, values, kFactor),
        [&](std::size_t i) {
          return static_cast<double>(kFactor) * static_cast<double>(values[i]);
        },
        [&](std::size_t i) { return kFactor * static_cast<float>(values[i]); }, "values");
  }
  for (const T& value : scaled(0, normal_in<T>(2050, 1), NAN)) {
    REQUIRE(std::isnan(static_cast<float>(value)));
  }
}

TEMPLATE_TEST_CASE("scale_by leaves values alone where the factor is 1", "[elementwise]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  // A signalling NaN, which any arithmetic would make quiet.
  T signalling;
  if constexpr (sizeof(T) == 2) {
    signalling.bits = 0x7F81;
  } else {
    signalling = std::bit_cast<float>(0x7F800001u);
  }
  const std::vector<T> values(5003, signalling);
  check_same_bits(scaled(0, values, 1.0f), values, "values");
  check_same_bits(scaled(1, values, 1.0f), values, "values");
}

// Neighbours of ties, what rounds up to infinity, and what has no exponent.
std::vector<float> odd_floats() {
  std::vector<float> values;
  for (const std::uint32_t word :
       {0x3F808000u, 0x3F808001u, 0x3F807FFFu, 0x3F818000u, 0x3F818001u, 0x7F7FFFFFu, 0x7F7F7FFFu,
        0x7F800000u, 0x00000001u, 0x00008000u, 0x00018000u, 0x80008001u, 0x007FFFFFu, 0x80000000u,
        0xFF800000u, 0x477FFF80u}) {
    values.push_back(std::bit_cast<float>(word));
  }
  return values;
}

template <typename From, typename To>
std::vector<To> cast_of(const PointwiseCase& shape, const std::vector<From>& values) {
  Guarded<From> input(values, shape.shift_a);
  auto out = Guarded<To>::poisoned(static_cast<std::int64_t>(values.size()), shape.shift_out);
  kernels::Cast<From, To> x;
  x.input = input.span();
  x.out = out.span();
  OBVERSE_RUN(cast, x);
  return out.to_vector();
}

TEST_CASE("cast rounds to nearest even, and back exactly", "[elementwise]") {
  for (const PointwiseCase& shape : kPointwiseCases) {
    auto values = normal_in<float>(shape.count, 1);
    const auto odd = odd_floats();
    for (std::size_t i = 0; i < values.size() && i < odd.size(); ++i) values[i] = odd[i];
    std::vector<bf16> rounded;
    std::vector<float> back;
    for (const float value : values) {
      rounded.emplace_back(value);
      back.push_back(static_cast<float>(rounded.back()));
    }
    check_same_bits(cast_of<float, bf16>(shape, values), rounded, "bf16");
    check_same_bits(cast_of<bf16, float>(shape, rounded), back, "float");
  }
  for (const std::uint32_t word : {0x7FFFFFFFu, 0x7F800001u, 0xFFC00000u}) {
    const std::vector<float> nans(2050, std::bit_cast<float>(word));
    const auto rounded = cast_of<float, bf16>({}, nans);
    for (const bf16 value : rounded) REQUIRE(std::isnan(static_cast<float>(value)));
    for (const float value : cast_of<bf16, float>({}, rounded)) REQUIRE(std::isnan(value));
  }
}

TEST_CASE("elementwise kernels name what has the wrong size", "[elementwise]") {
  Buffer<float> five(std::vector<float>(5)), six(std::vector<float>(6));
  Buffer<bf16> halves(std::vector<bf16>(6));
  kernels::Add<float> sum;
  sum.out = six.span();
  sum.a = five.span();
  CHECK(error_of([&] { OBVERSE_RUN(add, sum); }) == "[add] expected a of 6 elements, got 5");
  sum.a = six.span();
  sum.b = five.span();
  CHECK(error_of([&] { OBVERSE_RUN(add, sum); }) ==
        "[add] expected b of 6 elements or none, got 5");
  kernels::ScaleBy<float> scale;
  scale.values = six.span();
  CHECK(error_of([&] { OBVERSE_RUN(scale_by, scale); }) ==
        "[scale_by] expected factor of 1 elements, got 0");
  kernels::Cast<float, bf16> conversion;
  conversion.input = five.span();
  conversion.out = halves.span();
  CHECK(error_of([&] { OBVERSE_RUN(cast, conversion); }) ==
        "[cast] expected input of 6 elements, got 5");
}

}  // namespace
}  // namespace obverse::tests
