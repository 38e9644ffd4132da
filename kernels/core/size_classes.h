// Sizes that caching allocators round up to: `steps` to a power of two, multiples of `alignment`,
// so that at most one part in `steps` of a block, rounded up to the alignment, is unused.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>

#include "kernels/core/division.h"

namespace obverse::kernels {

template <std::size_t steps, std::size_t alignment>
struct SizeClasses {
  // The smallest class that holds `bytes`, 0 of which take as much as 1.
  static constexpr int of(std::size_t bytes) {
    const std::size_t units = std::max<std::size_t>(1, quotient_up(bytes, alignment));
    int size_class = static_cast<int>(steps) * (std::bit_width(units) - 1);
    while (class_bytes(size_class) < units * alignment) ++size_class;
    return size_class;
  }
  static constexpr std::size_t class_bytes(int size_class) {
    const auto index = static_cast<std::size_t>(size_class);
    const std::size_t power = std::size_t{1} << (index / steps);
    return (power + quotient_up(power * (index % steps), steps)) * alignment;
  }
};

}  // namespace obverse::kernels
