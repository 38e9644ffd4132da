// Philox4x32-10, a counter-based generator: Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3" (SC 2011). The same key and counter give the same bits on any
// thread, rank or device, so that every random draw of the project is named by (seed, purpose,
// step, index) and never depends on who drew before.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace obverse::kernels {

// What a draw is for. Streams of different purposes never share numbers. Values are part of saved
// results' meaning: append, never renumber.
enum class Purpose : std::uint32_t {
  initialisation = 1,
  dropout = 2,
  data_order = 3,
  objective = 4,
  world = 5,
  evaluation = 6,
  bootstrap = 7,
  generation = 8,
  test = 9,
  rounding = 10,
  probes = 11,
};

struct RandomKey {
  std::uint64_t seed = 0;
  Purpose purpose = Purpose::test;
  std::uint64_t step =
      0;  // optimizer step, parameter number, or whatever names the draw's occasion
};

using PhiloxBlock = std::array<std::uint32_t, 4>;

inline constexpr PhiloxBlock philox(PhiloxBlock counter, std::uint32_t key_0, std::uint32_t key_1) {
  constexpr std::uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = static_cast<std::uint64_t>(kMultiplier0) * counter[0];
    const std::uint64_t product_1 = static_cast<std::uint64_t>(kMultiplier1) * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key_0,
               static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key_1,
               static_cast<std::uint32_t>(product_0)};
    key_0 += kWeyl0;
    key_1 += kWeyl1;
  }
  return counter;
}

// Four independent 32-bit words for the key's `index`-th block; index < 2^32.
// The purpose sits in the top counter word, so that keys differ by seed alone and purposes cannot
// collide.
inline constexpr PhiloxBlock random_block(const RandomKey& key, std::uint64_t index) {
  return philox(
      {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(key.step),
       static_cast<std::uint32_t>(key.step >> 32), static_cast<std::uint32_t>(key.purpose)},
      static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32));
}

// Uniform in [0, 1) with 24 bits, exact in float and double.
inline constexpr double to_uniform(std::uint32_t word) {
  return static_cast<double>(word >> 8) * 0x1p-24;
}

// The `index`-th uniform draw in [0, 1): one word of block index / 4.
inline constexpr double uniform(const RandomKey& key, std::uint64_t index) {
  return to_uniform(random_block(key, index / 4)[index % 4]);
}

// The `index`-th standard normal draw (Box-Muller on two words of its own block half).
inline double normal(const RandomKey& key, std::uint64_t index) {
  const PhiloxBlock block = random_block(key, index / 2);
  const std::uint64_t half = (index % 2) * 2;
  const double radius_uniform = (static_cast<double>(block[half]) + 1.0) * 0x1p-32;  // in (0, 1]
  const double angle = 6.283185307179586 * to_uniform(block[half + 1]);
  return std::sqrt(-2.0 * std::log(radius_uniform)) * std::cos(angle);
}

// A draw from {0, ..., bound - 1}; bias below bound / 2^32. REQUIRES: 0 < bound < 2^32.
inline constexpr std::uint64_t uniform_integer(const RandomKey& key, std::uint64_t index,
                                               std::uint64_t bound) {
  return (static_cast<std::uint64_t>(random_block(key, index / 4)[index % 4]) * bound) >> 32;
}

// Draws one after another from one key, for host code that needs an unknown number of them.
class RandomSequence {
 public:
  explicit RandomSequence(const RandomKey& key) : key_(key) {}
  // As the functions of the same names give them for index 0, 1, ...
  double uniform() { return to_uniform(word()); }
  std::uint64_t integer(std::uint64_t bound) {
    return (static_cast<std::uint64_t>(word()) * bound) >> 32;
  }

  // Fisher-Yates: every order equally likely. Works on anything with size() and operator[].
  template <typename Container>
  void shuffle(Container& items) {
    for (std::uint64_t i = items.size(); i > 1; --i) {
      const std::uint64_t j = integer(i);
      auto held = items[i - 1];
      items[i - 1] = items[j];
      items[j] = held;
    }
  }

 private:
  // A block serves four draws.
  std::uint32_t word() {
    if (next_ % 4 == 0) block_ = random_block(key_, next_ / 4);
    return block_[next_++ % 4];
  }

  RandomKey key_;
  PhiloxBlock block_{};
  std::uint64_t next_ = 0;
};

}  // namespace obverse::kernels
