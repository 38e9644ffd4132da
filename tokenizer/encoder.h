// What one thread encodes with: scratch memory, and a cache of what frequent words became. Keeps
// the tokenizer's tables alive.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/model.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/word_cache.h"
#include "tokenizer/word_merger.h"

namespace obverse::tokenizer {

class Encoder {
 public:
  explicit Encoder(const Tokenizer& tokenizer) : Encoder(tokenizer.model_) {}
  explicit Encoder(std::shared_ptr<const Model> model);

  // Appends the ids of `text`, in time proportional to it.
  void encode(std::string_view text, std::vector<std::int32_t>& ids,
              Tokenizer::Specials specials = Tokenizer::Specials::as_text);

 private:
  void encode_plain(std::string_view text, std::vector<std::int32_t>& ids);
  void encode_piece(std::string_view piece, std::vector<std::int32_t>& ids);
  std::size_t merge_short(std::string_view piece, std::int32_t* ids);
  template <typename Cache>
  void encode_cached(Cache& cache, std::string_view piece);
  void flush(std::vector<std::int32_t>& ids);

  std::shared_ptr<const Model> model_;
  PretokenSplitter splitter_;
  WordMerger merger_;
  // An entry is one line of a processor's cache, and two. Tables of this size are read at the speed
  // of a second-level cache of one or two megabytes; twice as large ones gain 1 in 100. Longer
  // words are Chinese, Cyrillic, and the like.
  WordCache<2, 11> short_words_{14};
  WordCache<6, 19> long_words_{11};
  // Ids on their way: a copy of constant length into memory that is surely there is quicker than
  // an insertion of some ids into a vector.
  static constexpr std::size_t kPending = 4096;
  std::vector<std::int32_t> pending_ = std::vector<std::int32_t>(kPending + WordMerger::kShort);
  std::size_t pending_count_ = 0;
};

}  // namespace obverse::tokenizer
