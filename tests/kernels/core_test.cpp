// The parts that all kernels share: random numbers, exp, threads, spans, checks.
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "kernels/core/check.h"
#include "kernels/core/math.h"
#include "kernels/core/parallel.h"
#include "kernels/core/partition.h"
#include "kernels/core/random.h"
#include "kernels/core/span.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

using kernels::PhiloxBlock;

TEST_CASE("philox gives the Random123 distribution's known answers", "[core]") {
  CHECK(kernels::philox({0, 0, 0, 0}, 0, 0) ==
        PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(kernels::philox({~0u, ~0u, ~0u, ~0u}, ~0u, ~0u) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(kernels::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random_block puts seed, purpose, step and index where they cannot collide", "[core]") {
  const kernels::RandomKey key{
      .seed = 0x299f31d0a4093822, .purpose = kernels::Purpose::dropout, .step = 0x13198a2e85a308d3};
  CHECK(kernels::random_block(key, 0x243f6a88) ==
        kernels::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 2}, 0xa4093822, 0x299f31d0));
}

TEST_CASE("uniform and normal draws have the moments of their distributions", "[core]") {
  constexpr int kCount = 200000;
  double uniform_sum = 0, uniform_squares = 0, sum = 0, squares = 0, cubes = 0, fourths = 0;
  for (int i = 0; i < kCount; ++i) {
    const double u = kernels::uniform({.seed = 1}, static_cast<std::uint64_t>(i));
    const double n = kernels::normal({.seed = 2}, static_cast<std::uint64_t>(i));
    REQUIRE((u >= 0.0 && u < 1.0));
    uniform_sum += u;
    uniform_squares += u * u;
    sum += n;
    squares += n * n;
    cubes += n * n * n;
    fourths += n * n * n * n;
  }
  // Five standard errors each: a chance failure is one in a million, and the draws are fixed.
  const double error = 5.0 / std::sqrt(kCount);
  CHECK(std::abs(uniform_sum / kCount - 0.5) < error * std::sqrt(1.0 / 12));
  CHECK(std::abs(uniform_squares / kCount - 1.0 / 3) < error * std::sqrt(4.0 / 45));
  CHECK(std::abs(sum / kCount) < error);
  CHECK(std::abs(squares / kCount - 1.0) < error * std::sqrt(2.0));
  CHECK(std::abs(cubes / kCount) < error * std::sqrt(15.0));
  CHECK(std::abs(fourths / kCount - 3.0) < error * std::sqrt(96.0));
}

TEST_CASE("uniform_integer stays below its bound and reaches every value", "[core]") {
  std::vector<int> counts(7);
  for (std::uint64_t i = 0; i < 7000; ++i) {
    const std::uint64_t value = kernels::uniform_integer({.seed = 3}, i, 7);
    REQUIRE(value < 7);
    ++counts[value];
  }
  for (const int count : counts) CHECK(std::abs(count - 1000) < 150);
}

TEST_CASE("shuffle gives a permutation, every place equally likely", "[core]") {
  std::vector<int> first_place(5);
  for (std::uint64_t trial = 0; trial < 5000; ++trial) {
    std::vector<int> items(5);
    std::iota(items.begin(), items.end(), 0);
    kernels::RandomSequence({.seed = 4, .step = trial}).shuffle(items);
    ++first_place[static_cast<std::size_t>(items[0])];
    std::sort(items.begin(), items.end());
    REQUIRE(items == std::vector<int>{0, 1, 2, 3, 4});
  }
  for (const int count : first_place) CHECK(std::abs(count - 1000) < 150);
}

TEST_CASE("float exp is within a few units in the last place", "[core]") {
  double worst = 0.0;
  for (int i = 0; i <= 1750000; ++i) {
    const float x = -87.0f + static_cast<float>(i) * 1e-4f;
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(kernels::exp(x)) - exact) / exact);
  }
  CAPTURE(worst / unit<float>());
  CHECK(worst < 2 * unit<float>());
  CHECK(kernels::exp(0.0f) == 1.0f);
  CHECK(kernels::exp(-88.0f) == 0.0f);
  CHECK(kernels::exp(-std::numeric_limits<float>::infinity()) == 0.0f);
  CHECK(std::isfinite(kernels::exp(1000.0f)));
  CHECK(std::isnan(kernels::exp(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(kernels::exp(-std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("float tanh and sigmoid follow the C library", "[core]") {
  for (float x = -20.0f; x < 20.0f; x += 0.01f) {
    REQUIRE(std::abs(kernels::tanh(x) - std::tanh(x)) < 3 * unit<float>());
    REQUIRE(std::abs(kernels::sigmoid(x) - 1.0 / (1.0 + std::exp(-static_cast<double>(x)))) <
            3 * unit<float>());
  }
}

TEST_CASE("parallel loops visit every index exactly once", "[core]") {
  for (const int threads : {1, 2, 3}) {
    const WithThreads with_threads(threads);
    for (const std::int64_t count : {0, 1, 2, 5, 17, 1000}) {
      for (const std::int64_t grain : {1, 3, 400}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        kernels::parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        for (std::int64_t i = 0; i < count; ++i) REQUIRE(visits[static_cast<std::size_t>(i)] == 1);
      }
    }
    for (const std::int64_t width : {1, 15, 16, 17, 614}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(width));
      kernels::parallel_columns(10000, width, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const std::atomic<int>& visit : visits) REQUIRE(visit == 1);
    }
  }
}

TEST_CASE("parallel_for passes an exception on, from any thread", "[core]") {
  for (const int threads : {1, 2}) {
    const WithThreads with_threads(threads);
    for (const std::int64_t culprit : {0, 99}) {
      const auto run = [&] {
        kernels::parallel_for(100, 1, [&](std::int64_t begin, std::int64_t end) {
          if (begin <= culprit && culprit < end) throw std::runtime_error("the culprit");
        });
      };
      CHECK_THROWS_WITH(run(), "the culprit");
    }
  }
}

TEST_CASE("spans know their parts", "[core]") {
  std::vector<int> values{1, 2, 3, 4};
  const kernels::Span<int> all = span(values);
  const kernels::Span<const int> part = all.subspan(1, 2);
  CHECK((part.size() == 2 && part[0] == 2 && part[1] == 3));
  CHECK(kernels::Span<int>().empty());
#ifdef OBVERSE_CHECK_BOUNDS
  CHECK_THROWS_WITH(part[2], "[span] expected an index below 2, got 2");
  CHECK_THROWS_WITH(part[-1], "[span] expected an index below 2, got -1");
  CHECK_THROWS_WITH(all.subspan(3, 2), "[span] expected a part of 4 elements, got 2 from 3");
#endif
}

TEST_CASE("checks put values into their messages", "[core]") {
  CHECK(error_of([] { kernels::require(false, "expected ", 1, ", got ", 2.5); }) ==
        "expected 1, got 2.5");
  CHECK(error_of([] { kernels::require(true, "not seen"); }) == "nothing thrown");
  CHECK(error_of([] { kernels::require_size("layer_norm", "gain", 64, 32); }) ==
        "[layer_norm] expected gain of 64 elements, got 32");
  CHECK(error_of([] { kernels::require_size_or_empty("add", "b", 64, 32); }) ==
        "[add] expected b of 64 elements or none, got 32");
  CHECK(error_of([] { kernels::require_size_or_empty("add", "b", 64, 0); }) == "nothing thrown");
}

}  // namespace
}  // namespace obverse::tests
