// Byte-pair encoding of one pre-token (Sennrich, Haddow and Birch 2016, arXiv:1508.07909): as long
// as two neighbours have a merge, the one of the lowest rank is done, the leftmost among equals.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <string_view>
#include <vector>

#include "tokenizer/merge_table.h"

namespace obverse::tokenizer {

// What one thread needs to merge. The table must outlive it.
class WordMerger {
 public:
  explicit WordMerger(const MergeTable& table) : table_(&table) {}

  // Appends the ids of `word`, which may be any bytes. Throws std::invalid_argument for 4 GiB or
  // more.
  void merge(std::string_view word, std::vector<std::int32_t>& ids);

  // The two ways that merge() chooses between by length; results are the same.
  // Looks at all pairs before each merge: nothing is faster while they fit a few vector registers.
  // Writes the ids to `ids` and returns their number. REQUIRES: 1 to kShort bytes, and room for as
  // many ids, not checked: merge() does.
  std::size_t merge_by_scan(std::string_view word, std::int32_t* ids) const;
  // Keeps a list of places for each rank, so that a megabyte of one letter takes time in
  // proportion.
  void merge_by_rank(std::string_view word, std::vector<std::int32_t>& ids);

  static constexpr std::size_t kShort = 64;

 private:
  // The places of one rank; those before `done` have been looked at.
  struct Places {
    std::vector<std::uint32_t> at;
    std::size_t done = 0;
    bool in_order = true;
  };

  void add_place(std::uint32_t rank, std::uint32_t place);
  void merge_place(std::uint32_t rank, std::uint32_t place);
  std::uint32_t rank_at(std::uint32_t place) const;

  const MergeTable* table_;
  // By place, which is the number of a symbol's first byte.
  std::vector<std::int32_t> symbols_;
  std::vector<std::uint32_t> next_, previous_;
  std::vector<std::uint32_t> ranks_;  // of the pair that begins there
  // Lists in use, which the queue's ranks are one to one with, and lists that are free.
  std::vector<std::uint32_t> list_of_rank_;
  std::deque<Places> lists_;
  std::vector<std::uint32_t> free_lists_;
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> queue_;
};

}  // namespace obverse::tokenizer
