#include "kernels/rotary/rotary.h"

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

struct Case {
  std::int64_t batch, sequence, heads, head_size, gap;
};
constexpr Case kCases[] = {{1, 1, 1, 2, 0},   {2, 5, 3, 6, 1},   {3, 33, 2, 16, 16},
                           {2, 70, 3, 32, 7}, {1, 64, 1, 64, 0}, {1, 300, 2, 614, 3}};

template <typename T>
kernels::Rotary<T> call_of(const Case& shape, bool inverse) {
  return {.batch = shape.batch,
          .sequence = shape.sequence,
          .heads = shape.heads,
          .head_size = shape.head_size,
          .stride = shape.heads * shape.head_size + shape.gap,
          .inverse = inverse};
}

template <typename T>
std::vector<T> rotate(const Case& shape, std::vector<T> values, bool inverse) {
  auto call = call_of<T>(shape, inverse);
  call.input = span(std::as_const(values));
  call.out = span(values);
  kernels::cpu::rotary(call);
  return values;
}

std::int64_t elements(const Case& shape) {
  return shape.batch * shape.sequence * (shape.heads * shape.head_size + shape.gap);
}

TEMPLATE_TEST_CASE("rotary equals plain loops and leaves gaps alone", "[rotary]", float, double) {
  using T = TestType;
  for (const Case& shape : kCases) {
    const auto values = normal_values<T>(elements(shape), 1);
    std::vector<double> expected = in_double(values);
    const std::int64_t stride = shape.heads * shape.head_size + shape.gap,
                       half = shape.head_size / 2;
    for (std::int64_t token = 0; token < shape.batch * shape.sequence; ++token) {
      for (std::int64_t head = 0; head < shape.heads; ++head) {
        for (std::int64_t i = 0; i < half; ++i) {
          const double angle = static_cast<double>(token % shape.sequence) *
                               std::pow(10000.0, -2.0 * static_cast<double>(i) /
                                                     static_cast<double>(shape.head_size));
          const auto at = static_cast<std::size_t>(token * stride + head * shape.head_size + i);
          const auto other = at + static_cast<std::size_t>(half);
          const double a = values[at], b = values[other];
          expected[at] = a * std::cos(angle) - b * std::sin(angle);
          expected[other] = b * std::cos(angle) + a * std::sin(angle);
        }
      }
    }
    // In double the angle itself, position * frequency, carries the largest error: 300 half units.
    check_close(rotate(shape, values, false), expected, sizeof(T) == 4 ? 4 * unit<T>() : 1e-12, 1.0,
                "values");
  }
}

TEST_CASE("rotary's inverse is its gradient and undoes it", "[rotary]") {
  for (const Case& shape : kCases) {
    const auto values = normal_values<double>(elements(shape), 1),
               weights = normal_values<double>(elements(shape), 2);
    check_close(rotate(shape, rotate(shape, values, false), true), values, 1e-13, 1.0, "values");
    // A rotation is linear: <w, R x> = <R' w, x> for all w and x says that R' is its gradient.
    const double forward = dot(weights, rotate(shape, values, false));
    const double backward = dot(rotate(shape, weights, true), values);
    CHECK(forward == Approx(backward).epsilon(1e-11).margin(1e-10));
  }
}

TEMPLATE_TEST_CASE("rotary writes elsewhere what it writes in place, and copies the rest",
                   "[rotary]", float, double) {
  using T = TestType;
  for (const Case& shape : kCases) {
    const auto values = normal_values<T>(elements(shape), 1);
    std::vector<T> out(values.size(), std::numeric_limits<T>::quiet_NaN());
    auto call = call_of<T>(shape, true);
    call.input = span(values);
    call.out = span(out);
    kernels::cpu::rotary(call);
    check_same_bits(out, rotate(shape, values, true), "out");
  }
}

// Parts of a text at their own positions have the bits that they have in the whole text.
TEMPLATE_TEST_CASE("rotary's sequences may begin at any position", "[rotary]", float, double) {
  using T = TestType;
  constexpr std::int64_t kWhole = 110, kPart = 40;
  const std::vector<std::int32_t> firsts{3, 0, 70, 32, 3, 31};
  for (const std::int64_t sequence : {kPart, std::int64_t{1}}) {
    const Case whole{1, kWhole, 2, 12, 3};
    const Case parts{static_cast<std::int64_t>(firsts.size()), sequence, 2, 12, 3};
    const auto values = normal_values<T>(elements(whole), 1);
    const auto turned = rotate(whole, values, false);
    std::vector<T> input, expected;
    for (const std::int32_t first : firsts) {
      const std::int64_t begin = first * 27, end = begin + sequence * 27;
      input.insert(input.end(), values.begin() + begin, values.begin() + end);
      expected.insert(expected.end(), turned.begin() + begin, turned.begin() + end);
    }
    auto call = call_of<T>(parts, false);
    call.first_positions = span(firsts);
    std::vector<T> out(input.size());
    call.input = span(std::as_const(input));
    call.out = span(out);
    kernels::cpu::rotary(call);
    check_same_bits(out, expected, "out");
    const std::vector<std::int32_t> negative{3, 0, -1, 32, 3, 31};
    call.first_positions = span(negative);
    CHECK(error_of([&] { kernels::cpu::rotary(call); }) ==
          "[rotary] expected first_positions of at least 0, got -1");
    call.first_positions = span(negative).subspan(0, 5);
    CHECK(error_of([&] { kernels::cpu::rotary(call); }) ==
          "[rotary] expected first_positions of 6 elements or none, got 5");
  }
}

TEST_CASE("rotary has the same bits with one thread and with two", "[rotary]") {
  const Case shape{3, 150, 8, 48, 5};
  const auto values = normal_values<float>(elements(shape), 1);
  const auto run = [&](int threads) {
    const WithThreads with_threads(threads);
    return rotate(shape, values, false);
  };
  check_same_bits(run(2), run(1), "values");
}

TEST_CASE("rotary names what is wrong", "[rotary]") {
  std::vector<float> values(63);
  std::vector<float> enough(64);
  kernels::Rotary<float> call{.batch = 2,
                              .sequence = 2,
                              .heads = 2,
                              .head_size = 7,
                              .stride = 16,
                              .input = span(std::as_const(enough)),
                              .out = span(values)};
  const auto message = [&] { return error_of([&] { kernels::cpu::rotary(call); }); };
  CHECK(message() == "[rotary] expected an even head_size above 0, got 7");
  call.head_size = 8;
  call.stride = 15;
  CHECK(message() == "[rotary] expected a stride of at least 16, got 15");
  call.stride = 16;
  CHECK(message() == "[rotary] expected out of 64 elements, got 63");
  call.input = span(std::as_const(values));
  CHECK(message() == "[rotary] expected input of 64 elements, got 63");
  call.base = 0;
  CHECK(message() == "[rotary] expected a base above 0, got 0");
}

}  // namespace
}  // namespace obverse::tests
