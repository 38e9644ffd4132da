// Random inputs for tests, the same on every run, and comparisons that say where two arrays differ.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iomanip>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/core/random.h"
#include "kernels/core/span.h"
#include "tests/support/catch.h"

namespace obverse::tests {

// Standard normal values; `stream` tells arrays of one test apart.
template <typename T>
std::vector<T> normal_values(std::int64_t count, std::uint64_t stream) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<T>(kernels::normal({.seed = 20240924, .step = stream}, i));
  }
  return values;
}

inline std::vector<std::int32_t> random_ids(std::int64_t count, std::int64_t bound,
                                            std::uint64_t stream) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<std::int32_t>(kernels::uniform_integer(
        {.seed = 20240924, .step = stream}, i, static_cast<std::uint64_t>(bound)));
  }
  return ids;
}

template <typename T>
std::vector<double> in_double(const std::vector<T>& values) {
  return std::vector<double>(values.begin(), values.end());
}

struct RowsAndWidth {
  std::int64_t rows, width;
};

// The least there is, sizes that fill no vector, and a small model's logits.
inline constexpr RowsAndWidth kTestShapes[] = {{1, 1}, {3, 5}, {17, 33}, {64, 614}};

// Views of vectors, writable and not.
template <typename T>
kernels::Span<T> span(std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}
template <typename T>
kernels::Span<const T> span(const std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

// One unit in the last place of 1: 1.2e-7 for float, 2.2e-16 for double, 7.8e-3 for bf16.
template <typename T>
constexpr double unit() {
  if (sizeof(T) == 2) return 0x1p-7;
  return sizeof(T) == sizeof(float) ? 0x1p-23 : 0x1p-52;
}

// Passes where |actual - expected| <= tolerance * (|expected| + scale) everywhere; else names the
// worst index.
template <typename T>
void check_close(const std::vector<T>& actual, const std::vector<double>& expected,
                 double tolerance, double scale, const std::string& what) {
  REQUIRE(actual.size() == expected.size());
  std::size_t worst = 0;
  double worst_excess = -1.0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = std::abs(static_cast<double>(actual[i]) - expected[i]);
    double excess = error == 0.0 ? 0.0 : error / (tolerance * (std::abs(expected[i]) + scale));
    if (std::isnan(excess)) excess = INFINITY;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (worst_excess > 1.0) {
    std::ostringstream message;
    message << std::setprecision(17) << what << "[" << worst << "]: expected " << expected[worst]
            << ", got " << static_cast<double>(actual[worst]) << ", " << worst_excess
            << " times the tolerance off";
    FAIL_CHECK(message.str());
  } else {
    SUCCEED();
  }
}

// Passes where the bits are the same everywhere.
template <typename T>
void check_same_bits(const std::vector<T>& actual, const std::vector<T>& expected,
                     const std::string& what) {
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (std::memcmp(&actual[i], &expected[i], sizeof(T)) != 0) {
      FAIL_CHECK(what << "[" << i << "]: expected the bits of " << static_cast<double>(expected[i])
                      << ", got " << static_cast<double>(actual[i]));
      return;
    }
  }
  SUCCEED();
}

// The message of the std::invalid_argument that `call` throws, or "nothing thrown".
template <typename Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace obverse::tests
