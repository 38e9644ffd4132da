// Random inputs for benchmarks. Never zeros: their arithmetic may be faster or their pages
// unmapped.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/support/shapes.h"
#include "kernels/core/random.h"
#include "kernels/core/span.h"

namespace obverse::bench {

template <typename T>
std::vector<T> random_values(std::int64_t count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  // Uniform in [-1.5, 1.5): a normal draw costs a logarithm and a cosine, and gigabytes are drawn
  // here.
  for (std::size_t i = 0; i < values.size(); i += 4) {
    const kernels::PhiloxBlock block = kernels::random_block({}, i / 4);
    for (std::size_t j = 0; j < 4 && i + j < values.size(); ++j) {
      values[i + j] = static_cast<T>(3.0 * kernels::to_uniform(block[j]) - 1.5);
    }
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
