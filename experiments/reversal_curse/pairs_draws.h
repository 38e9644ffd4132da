// Which random streams the pairs world draws from: one for each choice, so that, say, another
// number of templates leaves the names as they are.
#pragma once

#include <cstdint>

#include "kernels/core/random.h"

namespace obverse::reversal {

enum class PairsDraw : std::uint64_t { frames = 1, names = 2, mentions = 3, wrong_answers = 4 };

// `occasion` tells apart several independent draws of one kind; below 2^56.
inline kernels::RandomKey draw_key(std::uint64_t seed, PairsDraw draw, std::uint64_t occasion = 0) {
  return {seed, kernels::Purpose::world, static_cast<std::uint64_t>(draw) | occasion << 8};
}

}  // namespace obverse::reversal
