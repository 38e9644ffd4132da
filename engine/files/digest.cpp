#include "engine/files/digest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>

namespace obverse::engine {
namespace {

constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15u;  // 2^64 times the golden ratio's fraction

// The finalizer of MurmurHash3 (Appleby 2011).
std::uint64_t scattered(std::uint64_t value) {
  value = (value ^ value >> 33) * 0xFF51AFD7ED558CCDu;
  value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53u;
  return value ^ value >> 33;
}

// One step is invertible in `word` and in `state`: two files that differ in one word have
// different states from there on. The product alone would leave its highest bit to a single bit of
// what came in, which the next word could undo.
std::uint64_t stepped(std::uint64_t state, std::uint64_t word) {
  const std::uint64_t product = (state ^ word) * kFactor;
  return std::rotl(product ^ product >> 32, 29);
}

}  // namespace

std::string digest_of(const std::byte* bytes, std::int64_t size) {
  // Several chains, since one waits for its own products.
  constexpr std::int64_t kChains = 4, kWord = 8;
  std::array<std::uint64_t, kChains> states{1, 2, 3, 4};
  const auto word_at = [bytes](std::int64_t begin, std::int64_t count) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + begin, static_cast<std::size_t>(count));
    return word;
  };
  std::int64_t at = 0;
  for (; at + kChains * kWord <= size; at += kChains * kWord) {
    for (std::int64_t chain = 0; chain < kChains; ++chain) {
      std::uint64_t& state = states[static_cast<std::size_t>(chain)];
      state = stepped(state, word_at(at + chain * kWord, kWord));
    }
  }
  std::uint64_t all = stepped(kFactor, static_cast<std::uint64_t>(size));
  for (; at < size; at += kWord) {
    all = stepped(all, word_at(at, std::min(kWord, size - at)));
  }
  for (const std::uint64_t state : states) all = stepped(all, scattered(state));
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(scattered(all)));
  return digits;
}

}  // namespace obverse::engine
