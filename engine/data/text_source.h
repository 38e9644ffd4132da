// Documents of a stream as texts, each once in every epoch, in an order of its own.
#pragma once

#include <cstdint>

#include "engine/data/document_index.h"
#include "engine/data/example_source.h"
#include "engine/data/token_shards.h"

namespace obverse::engine {

class TextSource : public DocumentSource {
 public:
  // Documents of more than `longest` tokens are cut into texts of so many, of which the last is the
  // next one's first. REQUIRES: longest >= 2; `shards` and `index` outlive this.
  TextSource(const TokenShards& shards, const DocumentIndex& index, std::int64_t longest,
             std::uint64_t seed);

  void document(std::int64_t draw, Document& document, std::vector<std::uint8_t>* counted) override;
  std::int64_t longest() const override { return longest_; }
  std::int64_t epoch() const override { return parts_.count(); }

 private:
  const TokenShards& shards_;
  std::int64_t longest_;
  DocumentParts parts_;
  std::uint64_t seed_;
};

}  // namespace obverse::engine
