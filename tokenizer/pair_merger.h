// The merges that training finds: again and again, the pair of neighbouring tokens that stands most
// often in the words becomes one token (Sennrich, Haddow and Birch 2016, arXiv:1508.07909). Among
// pairs as frequent, the one whose left token has the lower id is first, then the one whose right
// one has. Counts of pairs are kept up to date from place to place, so that a merge costs as much
// as it has places.
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <vector>

#include "tokenizer/vocabulary.h"
#include "tokenizer/word_counts.h"

namespace obverse::tokenizer {

class PairMerger {
 public:
  // Tokens 0 to 255 are the bytes in the order of byte_characters.h. Throws std::invalid_argument
  // where the distinct words together have 4 GiB or more.
  explicit PairMerger(const WordCounts& words);

  // Merges the most frequent pair; false where none stands `least_count` times or more. The new
  // token is the next id, unless other merges have made the same bytes.
  bool merge_next(std::int64_t least_count);

  // All tokens and merges so far.
  const std::vector<std::string>& tokens() const { return tokens_; }
  const std::vector<Merge>& merges() const { return merges_; }

 private:
  struct Pair {
    std::int32_t left, right;
    std::int64_t count = 0;
    std::vector<std::uint32_t> places;  // where it stands or stood
    bool is_touched = false;
  };
  // As the pair was when it was put into the queue: its count may be lower by now, never higher.
  struct Candidate {
    std::int64_t count;
    std::int32_t left, right;
    std::uint32_t pair;

    bool operator<(const Candidate& other) const {
      if (count != other.count) return count < other.count;
      if (left != other.left) return left > other.left;
      return right > other.right;
    }
  };

  void add_words(const WordCounts& words);
  void add_pairs();
  std::uint32_t pair_of(std::int32_t left, std::int32_t right);
  void grow_pairs();
  std::int32_t token_of(const std::string& bytes);
  void merge_at(std::uint32_t place, const Merge& merge);
  void change(std::int32_t left, std::int32_t right, std::int64_t count, std::uint32_t place);

  std::vector<std::string> tokens_;
  std::vector<std::uint32_t> lengths_;  // of tokens, in bytes
  std::vector<Merge> merges_;
  std::unordered_map<std::string, std::int32_t> ids_;

  // All words in a row, a separator before each and behind the last. A token is known at the place
  // of its first byte, and where it begins at that of its last.
  std::vector<std::int32_t> token_at_;
  std::vector<std::uint32_t> first_of_;
  std::vector<std::uint32_t> word_at_;
  std::vector<std::int64_t> word_counts_;

  std::vector<Pair> pairs_;
  std::vector<std::uint32_t> pair_places_;  // a hash table of numbers in pairs_, half of it in use
  std::vector<std::uint32_t> touched_;      // whose count has grown since it was queued
  std::priority_queue<Candidate> queue_;
};

}  // namespace obverse::tokenizer
