// One subset of the published data: the files whose facts are stated alike.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/reversal_curse/worlds/published_rows.h"

namespace obverse::reversal {

// Name first, description first, both ways: as in the files' names.
inline constexpr std::array<const char*, 3> kPublishedSubsets = {"p2d", "d2p", "both"};

// The names of all files that are read, for all subsets.
std::vector<std::string> published_files();

struct PublishedSubset {
  std::vector<PublishedRow> training, test, reverse;  // `reverse` is empty for "both"
};

// Reads the files of kPublishedSubsets[subset], with names and descriptions located. The randomized
// files, the paper's own controls, are only checked to ask what the reverse files ask. Throws
// std::invalid_argument, in one line that names file and line, also where a row asks for a fact
// that training does not state of its name.
PublishedSubset read_published_subset(const std::filesystem::path& folder, std::size_t subset);

}  // namespace obverse::reversal
