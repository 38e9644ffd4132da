// A shuffle of [0, size) of which any one place can be asked for, without an array of its size: a
// Feistel network (Luby and Rackoff 1988) on the least number of bits that hold `size` values,
// whose round function is Philox, walked until it falls into the range (Black and Rogaway 2002,
// "Ciphers with arbitrary finite domains"), less than twice on average.
#pragma once

#include <cstdint>

#include "kernels/core/random.h"

namespace obverse::engine {

class KeyedPermutation {
 public:
  // A permutation of its own for every key. It draws the key's blocks below 32 * 2^26.
  // REQUIRES: 0 < size <= 2^52.
  KeyedPermutation(std::int64_t size, const kernels::RandomKey& key);

  std::int64_t size() const { return size_; }
  // REQUIRES: 0 <= index < size().
  std::int64_t at(std::int64_t index) const;

 private:
  std::uint64_t shuffled_once(std::uint64_t value) const;

  std::int64_t size_;
  kernels::RandomKey key_;
  int low_bits_ = 0, high_bits_ = 0;  // of the network's two halves
};

// A data set of `size` items, all visited once in each epoch, in an order of its own: the place
// that a draw has in it.
struct EpochDraw {
  std::int64_t epoch = 0, item = 0;
};
// REQUIRES: draw >= 0, size > 0.
EpochDraw epoch_draw(std::int64_t draw, std::int64_t size, std::uint64_t seed);

}  // namespace obverse::engine
