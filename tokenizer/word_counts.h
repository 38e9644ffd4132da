// How often each pre-token stands in a corpus: all that training needs of it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/hash.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/text_blocks.h"

namespace obverse::tokenizer {

// A hash table of words; not for several threads at a time.
class WordCounts {
 public:
  struct Word {
    const char* text = nullptr;
    std::uint32_t bytes = 0;
    std::uint32_t hash = 0;  // compared before the text is
    std::int64_t count = 0;  // 0: the place is free

    std::string_view view() const { return {text, bytes}; }
  };

  // Words are copied once. Throws std::invalid_argument for one of 4 GiB or more.
  void add(std::string_view word, std::int64_t count = 1) { add(word, count, hash_of(word)); }
  void add(const WordCounts& other);

  std::size_t size() const { return size_; }
  // Calls call(word) for each, in no order that means anything.
  void for_each(const std::function<void(const Word&)>& call) const;

 private:
  void add(std::string_view word, std::int64_t count, std::uint64_t hash);
  const char* kept(std::string_view word);
  void grow();

  std::vector<Word> places_ = std::vector<Word>(1 << 12);  // a power of two, half of it in use
  std::size_t size_ = 0;
  std::deque<std::unique_ptr<char[]>> texts_;
  char* free_ = nullptr;
  std::size_t free_bytes_ = 0;
};

// Counts the pieces of all documents on several threads; texts of `whole` are no part of any.
// `progress` as encode_documents() has it. The result does not depend on the number of threads.
WordCounts count_words(BlockReader& reader, const Pretokenizer& pretokenizer,
                       const AddedTokens& whole, int threads,
                       const std::function<void(std::uint64_t, std::uint64_t)>& progress = nullptr);

}  // namespace obverse::tokenizer
