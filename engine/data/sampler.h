// The order in which a data set is visited: a fresh shuffle every epoch, each keyed by seed and
// epoch, so that the n-th draw is the same whatever was drawn before and a resumed run continues
// where it stopped.
#pragma once

#include <cstdint>
#include <vector>

namespace obverse::engine {

class Sampler {
 public:
  // REQUIRES: size > 0.
  Sampler(std::int64_t size, std::uint64_t seed);

  // The item of draw number `draw` (0, 1, ...). Shuffles anew where the draw lies in another epoch
  // than the last one.
  std::int64_t item(std::int64_t draw);

 private:
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace obverse::engine
