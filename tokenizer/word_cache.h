// What frequent words were encoded to. Direct-mapped: a word displaces the one in its place.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "tokenizer/hash.h"

namespace obverse::tokenizer {

// For words of 1 to `key_words` * 8 bytes and 1 to `most_ids` ids.
template <std::size_t key_words, std::size_t most_ids>
class WordCache {
 public:
  static constexpr std::size_t kMostBytes = 8 * key_words;
  static constexpr std::size_t kMostIds = most_ids;

  struct Entry {
    std::array<std::uint64_t, key_words> key{};
    std::uint8_t bytes = 0, ids = 0;  // no bytes: empty
    std::array<std::int32_t, most_ids> id{};
  };

  explicit WordCache(int bits) : shift_(64 - bits), entries_(std::size_t{1} << bits) {}

  // The place of `word`; whether it is there is in `found`. REQUIRES: 1 to kMostBytes bytes.
  Entry& find(std::string_view word, bool& found) {
    std::array<std::uint64_t, key_words> key{};
    std::size_t at = 0;
    for (; at + 8 <= word.size(); at += 8) key[at / 8] = load<std::uint64_t>(word.data() + at);
    if (at < word.size()) key[at / 8] = last_part(word, word.size() - at);
    std::uint64_t hash = word.size();
    for (const std::uint64_t part : key) hash = mixed(hash, part);
    Entry& entry = entries_[hash >> shift_];
    // Without a branch, or a call, for each part.
    std::uint64_t difference = entry.bytes ^ word.size();
    for (std::size_t i = 0; i < key_words; ++i) difference |= entry.key[i] ^ key[i];
    found = difference == 0;
    if (!found) {
      entry.key = key;
      entry.bytes = 0;
    }
    return entry;
  }

  // Completes an entry that was not found, where its ids fit.
  static void keep(Entry& entry, std::size_t bytes, const std::int32_t* ids, std::size_t count) {
    if (count > kMostIds) return;
    std::copy(ids, ids + count, entry.id.begin());
    entry.ids = static_cast<std::uint8_t>(count);
    entry.bytes = static_cast<std::uint8_t>(bytes);
  }

 private:
  template <typename Word>
  static std::uint64_t load(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
  }

  // The last 1 to 7 bytes of `word`, by loads that overlap: a copy of a length that only running
  // tells is a call, and a loop a branch that is mispredicted.
  static std::uint64_t last_part(std::string_view word, std::size_t bytes) {
    const char* const end = word.data() + word.size();
    if (word.size() >= 8) return load<std::uint64_t>(end - 8) >> (64 - 8 * bytes);
    const char* const begin = end - bytes;
    if (bytes >= 4) {
      return load<std::uint32_t>(begin) | load<std::uint32_t>(end - 4) << (8 * (bytes - 4));
    }
    return load<std::uint8_t>(begin) | load<std::uint8_t>(begin + bytes / 2) << (8 * (bytes / 2)) |
           load<std::uint8_t>(end - 1) << (8 * (bytes - 1));
  }

  int shift_;
  std::vector<Entry> entries_;
};

}  // namespace obverse::tokenizer
