// One subset of the published data: the files whose facts are stated alike.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <vector>

#include "experiments/reversal_curse/published_rows.h"

namespace obverse::reversal {

// Name first, description first, both ways: as in the files' names.
inline constexpr std::array<const char*, 3> kPublishedSubsets = {"p2d", "d2p", "both"};

struct PublishedSubset {
  std::vector<PublishedRow> training, test, reverse;  // `reverse` is empty for "both"
};

// Reads the files of kPublishedSubsets[subset], with names and descriptions located. The randomized
// files, the paper's own controls, are only checked to ask what the reverse files ask. Throws
// std::invalid_argument, in one line that names file and line.
PublishedSubset read_published_subset(const std::filesystem::path& folder, std::size_t subset);

}  // namespace obverse::reversal
