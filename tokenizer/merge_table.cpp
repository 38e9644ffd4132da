#include "tokenizer/merge_table.h"

#include <bit>

namespace obverse::tokenizer {

MergeTable::MergeTable(const Vocabulary& vocabulary)
    : byte_ids_(tokenizer::byte_ids(token_ids(vocabulary), "vocabulary")) {
  const std::size_t size = std::bit_ceil(2 * vocabulary.merges.size() + 2);
  entries_.resize(size);
  mask_ = size - 1;
  shift_ = 64 - std::countr_zero(size);
  for (const Merge& merge : vocabulary.merges) {
    const std::uint64_t key = key_of(merge.left, merge.right);
    std::size_t at = slot_of(key);
    while (entries_[at].rank != kNone) at = (at + 1) & mask_;
    entries_[at] = {key, static_cast<std::uint32_t>(results_.size())};
    results_.push_back(merge.result);
  }
  byte_ranks_.resize(std::size_t{1} << 16);
  for (std::size_t pair = 0; pair < byte_ranks_.size(); ++pair) {
    byte_ranks_[pair] = rank(byte_ids_[pair >> 8], byte_ids_[pair & 0xFF]);
  }
}

}  // namespace obverse::tokenizer
