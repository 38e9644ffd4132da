// Hashes of the tokenizer's own tables: short keys, no adversary.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace obverse::tokenizer {

inline std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD1B54A32D192ED03u);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Of any bytes, sixteen at a time; the last ones overlap those before.
inline std::uint64_t hash_of(std::string_view bytes) {
  const auto word = [&bytes](std::size_t at) {
    std::uint64_t value;
    std::memcpy(&value, bytes.data() + at, 8);
    return value;
  };
  const std::size_t size = bytes.size();
  if (size >= 8) {
    std::uint64_t hash = size;
    for (std::size_t at = 0; at + 16 < size; at += 16) hash = mixed(word(at) ^ hash, word(at + 8));
    return mixed(word(size - 8) ^ hash, word(size >= 16 ? size - 16 : 0));
  }
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), size);
  return mixed(value, size);
}

}  // namespace obverse::tokenizer
