// A stream of tokens cut into windows, whatever documents are in it. Each epoch visits all windows
// once, in an order of its own, and cuts at an offset of its own, so that the places at which a
// token is read differ.
#pragma once

#include <cstdint>

#include "engine/data/example_source.h"
#include "engine/data/token_shards.h"

namespace obverse::engine {

class WindowSource : public DocumentSource {
 public:
  // Windows of `sequence` + 1 tokens, of which the last is the next window's first: every token is
  // asked for once. As many windows in every epoch as fit behind any offset; less than two windows'
  // tokens are left out at the stream's ends. REQUIRES: `shards` outlives this; sequence > 0; a
  // stream of more than `sequence` tokens.
  WindowSource(const TokenShards& shards, std::int64_t sequence, std::uint64_t seed);

  void document(std::int64_t draw, Document& document, std::vector<std::uint8_t>* counted) override;
  std::int64_t longest() const override { return sequence_ + 1; }
  std::int64_t epoch() const override { return windows_; }

 private:
  std::int64_t offset_of(std::int64_t epoch) const;

  const TokenShards& shards_;
  std::int64_t sequence_, windows_ = 0, offsets_ = 0;
  std::uint64_t seed_;
};

}  // namespace obverse::engine
