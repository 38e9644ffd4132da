// What two tokens side by side become, and in which order: the look-up of every merge.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tokenizer/hash.h"
#include "tokenizer/vocabulary.h"

namespace obverse::tokenizer {

class MergeTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFu;

  // REQUIRES: the vocabulary has a token for each byte, and merges no pair twice.
  explicit MergeTable(const Vocabulary& vocabulary);

  std::int32_t byte_id(char byte) const { return byte_ids_[static_cast<unsigned char>(byte)]; }
  std::uint32_t merges() const { return static_cast<std::uint32_t>(results_.size()); }

  // The rank of the merge of two tokens, or kNone.
  std::uint32_t rank(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t at = slot_of(key);; at = (at + 1) & mask_) {
      if (entries_[at].rank == kNone || entries_[at].key == key) return entries_[at].rank;
    }
  }
  // The same for the tokens of two bytes: most look-ups, of few different pairs.
  std::uint32_t rank_of_bytes(char left, char right) const {
    return byte_ranks_[static_cast<std::size_t>(static_cast<unsigned char>(left)) << 8 |
                       static_cast<unsigned char>(right)];
  }
  std::int32_t result(std::uint32_t rank) const { return results_[rank]; }

 private:
  // Keys lie beside what they find, so that a look-up is one line of a cache.
  struct Entry {
    std::uint64_t key = 0;
    std::uint32_t rank = kNone;
  };

  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  std::size_t slot_of(std::uint64_t key) const {
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15u >> shift_);
  }

  std::vector<std::int32_t> byte_ids_;
  std::vector<std::uint32_t> byte_ranks_;
  std::vector<std::int32_t> results_;
  std::vector<Entry> entries_;  // a power of two, at most half of them in use
  std::size_t mask_;
  int shift_;
};

}  // namespace obverse::tokenizer
