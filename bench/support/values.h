// Random inputs for benchmarks. Never zeros: their arithmetic may be faster or their pages
// unmapped.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/support/shapes.h"
#include "kernels/core/parallel.h"
#include "kernels/core/random.h"
#include "kernels/core/span.h"

namespace obverse::bench {

// Standard normal values. They repeat, since drawing gigabytes would take longer than measuring,
// but their number is a prime, so that no two rows of a matrix are alike.
inline const std::vector<float>& normal_values() {
  static const std::vector<float> kValues = [] {
    constexpr std::int64_t kCount = 1048573;
    std::vector<float> values(static_cast<std::size_t>(kCount));
    kernels::parallel_for(kCount, 4096, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        values[static_cast<std::size_t>(i)] =
            static_cast<float>(kernels::normal({}, static_cast<std::uint64_t>(i)));
      }
    });
    return values;
  }();
  return kValues;
}

template <typename T>
std::vector<T> random_values(std::int64_t count) {
  const std::vector<float>& drawn = normal_values();
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<T>(drawn[i % drawn.size()]);
  }
  return values;
}

inline std::vector<std::int32_t> random_ids(std::int64_t count, std::int64_t bound) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<std::int32_t>(
        kernels::uniform_integer({}, i, static_cast<std::uint64_t>(bound)));
  }
  return ids;
}

// A vector seen as a span; a constant one as a span of constants.
template <typename T>
kernels::Span<T> span(std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}
template <typename T>
kernels::Span<const T> span(const std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

struct RowsAndWidth {
  std::int64_t rows, width;
};

// A model small enough for a laptop, a middling one, GPT-2's width.
inline constexpr RowsAndWidth kShapes[] = {{512, 64}, {2048, 256}, {4096, 768}};

}  // namespace obverse::bench
