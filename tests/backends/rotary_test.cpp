#include "kernels/rotary/rotary.h"

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

struct Case {
  std::int64_t batch, sequence, heads, head_size;
  std::int64_t gap = 0;    // elements behind a token's heads
  std::int64_t shift = 0;  // of input and out, past an aligned address
  std::int64_t shift_out = -1;
  double base = 10000.0;
  bool inverse = false;
  std::vector<std::int32_t> firsts = {};
  kernels::RotaryScaling scaling = {};

  std::int64_t stride() const { return heads * head_size + gap; }
  std::int64_t elements() const { return batch * sequence * stride(); }
  std::string name() const {
    return std::to_string(batch) + "x" + std::to_string(sequence) + "x" + std::to_string(heads) +
           "x" + std::to_string(head_size) + "+" + std::to_string(gap);
  }
};
// One of each; heads that no vector divides, that only one of float does, and of both; more pairs
// than a block's; sequences of several of the CPU's and the GPU's blocks, and shares of many short
// ones; packed projections, gaps that no vector divides, and a first address that none does.
const Case kCases[] = {{1, 1, 1, 2},
                       {2, 5, 3, 6, 1},
                       {3, 33, 2, 16, 16},
                       {2, 70, 3, 32, 7},
                       {1, 9, 4, 64, 128},
                       {1, 3, 2, 614, 3},
                       {2, 4, 3, 128, 64},
                       {2, 6, 3, 8, 4},
                       {2, 6, 3, 24, 8, 0, -1, 500.0},
                       {150, 11, 1, 16, 16},
                       {90, 3, 2, 10, 3},
                       {2, 40, 2, 16, 16, 1},
                       {2, 40, 2, 16, 16, 0, 3},
                       {2, 40, 2, 16, 16, 8, 16},
                       {3, 20, 5, 64, 64, 0, -1, 1e6, true},
                       {2, 40, 2, 32, 16, 0, -1, 5e5, false, {}, {8.0, 1.0, 4.0, 64.0}},
                       {2, 40, 2, 16, 0, 0, -1, 1e4, true, {}, {2.5, 1.0, 4.0, 0.0}},
                       {2, 8, 0, 16, 40},
                       {0, 8, 2, 16, 16},
                       {2, 0, 2, 16, 16}};

template <typename T>
std::vector<T> rotated(const Case& shape, const std::vector<T>& values, bool in_place) {
  Guarded<T> input(values, shape.shift);
  auto out =
      Guarded<T>::poisoned(shape.elements(), shape.shift_out < 0 ? shape.shift : shape.shift_out);
  Guarded<T>& written = in_place ? input : out;
  kernels::Rotary<T> x;
  x.batch = shape.batch;
  x.sequence = shape.sequence;
  x.heads = shape.heads;
  x.head_size = shape.head_size;
  x.stride = shape.stride();
  x.base = shape.base;
  x.scaling = shape.scaling;
  x.inverse = shape.inverse;
  Guarded<std::int32_t> firsts(shape.firsts, 1);
  x.first_positions = firsts.span();
  x.input = input.span();
  x.out = written.span();
  OBVERSE_RUN(rotary, x);
  if (!in_place) check_same_bits(input.to_vector(), values, "input");
  return written.to_vector();
}

double angle_of(const Case& shape, std::int64_t position, std::int64_t pair) {
  double frequency =
      std::pow(shape.base, -2.0 * static_cast<double>(pair) / static_cast<double>(shape.head_size));
  // By wavelengths, as transformers has it.
  const kernels::RotaryScaling& s = shape.scaling;
  const double wavelength = 2.0 * std::acos(-1.0) / frequency;
  const double smooth = (s.original_context / wavelength - s.slow) / (s.fast - s.slow);
  if (wavelength > s.original_context / s.slow) {
    frequency /= s.factor;
  } else if (wavelength >= s.original_context / s.fast) {
    frequency = (1.0 - smooth) * frequency / s.factor + smooth * frequency;
  }
  const double angle = static_cast<double>(position) * frequency;
  return shape.inverse ? -angle : angle;
}

// By plain loops; in float, with sines and cosines rounded from double.
template <typename Number, typename T>
std::vector<Number> reference(const Case& shape, const std::vector<T>& values) {
  std::vector<Number> result;
  for (const T& value : values) result.push_back(static_cast<Number>(value));
  const std::int64_t half = shape.head_size / 2;
  for (std::int64_t token = 0; token < shape.batch * shape.sequence; ++token) {
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle = angle_of(shape, token % shape.sequence, i);
      const auto cosine = static_cast<Number>(std::cos(angle)),
                 sine = static_cast<Number>(std::sin(angle));
      for (std::int64_t head = 0; head < shape.heads; ++head) {
        const auto at =
            static_cast<std::size_t>(token * shape.stride() + head * shape.head_size + i);
        const auto other = at + static_cast<std::size_t>(half);
        const Number a = result[at], b = result[other];
        result[at] = a * cosine - b * sine;
        result[other] = b * cosine + a * sine;
      }
    }
  }
  return result;
}

TEMPLATE_TEST_CASE("rotary equals double arithmetic, in place too, and copies the rest", "[rotary]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const Case& shape : kCases) {
    INFO(shape.name());
    const auto values = normal_in<T>(shape.elements(), 1);
    const auto exact = reference<double>(shape, values);
    const auto plain = reference<float>(shape, values);
    const auto out = rotated(shape, values, false);
    check_each(
        out, [&](std::size_t i) { return exact[i]; }, [&](std::size_t i) { return plain[i]; },
        shape.name());
    check_same_bits(rotated(shape, values, true), out, "in place");
    const auto stride = static_cast<std::size_t>(shape.stride());
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % stride < static_cast<std::size_t>(shape.heads * shape.head_size)) continue;
      if (static_cast<float>(out[i]) != static_cast<float>(values[i])) {
        FAIL_CHECK("element " << i << " is to be copied");
        break;
      }
    }
  }
}

// Parts of a text at their own positions have the bits that they have in the whole text.
TEMPLATE_TEST_CASE("rotary's sequences may begin at any position", "[rotary]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const std::int64_t head_size : {12, 80}) {
    const Case whole{1, 110, 2, head_size, 8};
    const auto values = normal_in<T>(whole.elements(), 1);
    const auto turned = rotated(whole, values, false);
    for (const std::int64_t sequence : {40, 1, 9}) {
      std::vector<std::int32_t> firsts{3, 0, 70, 32, 3, 31};
      // More than there are blocks at a time: none has several rows.
      for (std::int32_t i = 0; sequence == 1 && i < 300; ++i) firsts.push_back(i % 109);
      std::vector<T> input, expected;
      for (const std::int32_t first : firsts) {
        const std::int64_t begin = first * whole.stride(), end = begin + sequence * whole.stride();
        input.insert(input.end(), values.begin() + begin, values.begin() + end);
        expected.insert(expected.end(), turned.begin() + begin, turned.begin() + end);
      }
      Case parts{static_cast<std::int64_t>(firsts.size()), sequence, 2, head_size, 8};
      parts.firsts = firsts;
      check_same_bits(rotated(parts, input, false), expected, "out");
      check_deterministic([&] { return rotated(parts, input, true); }, "in place");
    }
  }
}

// What (1, 0) is turned into is the cosine and the sine themselves.
TEST_CASE("rotary's sines and cosines are those of double, rounded", "[rotary]") {
  for (Case shape : {Case{1, 3000, 1, 8}, Case{1, 130, 1, 140}}) {
    for (const bool inverse : {false, true}) {
      shape.inverse = inverse;
      const std::int64_t half = shape.head_size / 2;
      std::vector<float> values;
      for (std::int64_t i = 0; i < shape.elements(); ++i) {
        values.push_back(i % shape.head_size < half ? 1.0f : 0.0f);
      }
      const auto out = rotated(shape, values, true);
      double worst = 0.0;
      for (std::int64_t i = 0; i < shape.elements(); ++i) {
        const std::int64_t within = i % shape.head_size;
        const double angle = angle_of(shape, i / shape.head_size, within % half);
        const double exact = within < half ? std::cos(angle) : std::sin(angle);
        worst = std::max(worst, std::abs(out[static_cast<std::size_t>(i)] - exact));
      }
      // Half a unit in the last place below 1, and what the angle itself errs.
      CHECK(worst < 0x1p-25 + 2e-12);
    }
  }
}

TEMPLATE_TEST_CASE("rotary lets no NaN vanish and spreads none", "[rotary]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const Case shape{2, 12, 3, 16, 16};
  auto values = normal_in<T>(shape.elements(), 1);
  const std::size_t spoiled = 5 * 64 + 16 + 3, copied = 7 * 64 + 50;
  values[spoiled] = values[copied] = T(std::numeric_limits<float>::quiet_NaN());
  const auto out = rotated(shape, values, false);
  for (std::size_t i = 0; i < out.size(); ++i) {
    REQUIRE(std::isnan(static_cast<float>(out[i])) ==
            (i == spoiled || i == spoiled + 8 || i == copied));
  }
}

TEMPLATE_TEST_CASE("rotary gives the same in every order", "[rotary]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const Case& shape : {Case{5, 40, 3, 80, 40}, Case{3, 20, 2, 10, 3}}) {
    const auto values = normal_in<T>(shape.elements(), 1);
    check_deterministic([&] { return rotated(shape, values, false); }, "out");
    check_deterministic([&] { return rotated(shape, values, true); }, "in place");
  }
}

TEST_CASE("rotary names what is wrong", "[rotary]") {
  Buffer<float> few(std::vector<float>(63)), enough(std::vector<float>(64));
  kernels::Rotary<float> x;
  x.batch = x.sequence = x.heads = 2;
  x.head_size = 7;
  x.stride = 16;
  x.input = enough.span();
  x.out = few.span();
  const auto message = [&] { return error_of([&] { OBVERSE_RUN(rotary, x); }); };
  CHECK(message() == "[rotary] expected an even head_size above 0, got 7");
  x.head_size = 8;
  x.stride = 15;
  CHECK(message() == "[rotary] expected a stride of at least 16, got 15");
  x.stride = 16;
  CHECK(message() == "[rotary] expected out of 64 elements, got 63");
  x.input = few.span();
  CHECK(message() == "[rotary] expected input of 64 elements, got 63");
  Buffer<std::int32_t> firsts(std::vector<std::int32_t>(3));
  x.first_positions = firsts.span();
  CHECK(message() == "[rotary] expected first_positions of 2 elements or none, got 3");
  x.scaling.fast = 1.0;
  CHECK(message() ==
        "[rotary] expected a scaling factor above 0 and slow turns below the fast ones, got 1, 1 "
        "and 1");
  x.base = 0;
  CHECK(message() == "[rotary] expected a base above 0, got 0");
  x.batch = -1;
  CHECK(message() == "[rotary] expected batch, sequence and heads of at least 0, got -1, 2 and 2");
}

}  // namespace
}  // namespace obverse::tests
