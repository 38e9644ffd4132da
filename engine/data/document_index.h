// Where documents begin in a stream of tokens, and how long ones are cut into parts.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/token_shards.h"

namespace obverse::engine {

// Whether the end-of-text token stands behind each document or, as llm.c writes it, before.
enum class Delimiter { behind, before };

// 8 bytes a document, and one pass over all tokens to find them, about a nanosecond each where the
// files are in memory. Documents lie one behind the other and have at least two tokens: what would
// be one alone belongs to the document behind it, or at the stream's end to the one before.
class DocumentIndex {
 public:
  // Throws std::runtime_error, one line, where the stream has fewer than two tokens.
  DocumentIndex(const TokenShards& shards, std::int32_t end_of_text, Delimiter delimiter);

  std::int64_t documents() const { return static_cast<std::int64_t>(starts_.size()) - 1; }
  // REQUIRES: 0 <= document < documents().
  std::int64_t begin(std::int64_t document) const {
    return starts_[static_cast<std::size_t>(document)];
  }
  std::int64_t end(std::int64_t document) const {
    return starts_[static_cast<std::size_t>(document) + 1];
  }

 private:
  std::vector<std::int64_t> starts_;  // then the stream's end
};

// Tokens [begin, begin + places) of the stream. Each of them is read, and what follows it in its
// document is asked for.
struct DocumentPart {
  std::int64_t begin = 0, places = 0;
  bool ends = false;  // the last of them is the document's last, which nothing follows

  std::int64_t tokens() const { return places + (ends ? 0 : 1); }  // with what is asked for
};

// Documents cut into parts of at most `places`, with no part for a last token that the part before
// asked for: every token but each document's first is asked for in one part. Short documents are
// one part; only long ones take memory.
class DocumentParts {
 public:
  // REQUIRES: places > 0; `index` outlives this.
  DocumentParts(const DocumentIndex& index, std::int64_t places);

  std::int64_t count() const {
    return index_.documents() + (later_.empty() ? 0 : later_.back().end);
  }
  // REQUIRES: 0 <= part < count().
  DocumentPart part(std::int64_t part) const;

 private:
  struct Later {
    std::int64_t document;
    std::int64_t end;  // how many further parts all long documents up to this one have
  };

  const DocumentIndex& index_;
  std::int64_t places_;
  std::vector<Later> later_;  // documents of several parts; their first ones are numbered as they
};

}  // namespace obverse::engine
