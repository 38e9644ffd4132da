// Whole documents packed into rows. Documents longer than a row are cut.
//
// Rows are filled once, the same in all epochs, and each epoch visits all of them in an order of
// its own. Documents come in a shuffled order; each goes to the fullest of at most kOpenRows open
// rows that it still fits into, else to a new one, for which the fullest is closed: best fit with a
// bounded look-back. Of documents of half a row on average, exponentially distributed, it fills
// 99.5 % of the places, where closing a row as soon as one does not fit (next fit) fills 78 %.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/document_index.h"
#include "engine/data/example_source.h"
#include "engine/data/token_shards.h"

namespace obverse::engine {

class PackedSource : public ExampleSource {
 public:
  struct Options {
    std::int64_t sequence = 0;  // places of a row
    std::uint64_t seed = 0;
    // Attention does not look into the documents before (Example::first_keys). The loss asks for
    // nothing across their bounds either way.
    bool reset = true;
  };
  static constexpr std::size_t kOpenRows = 64;

  // Takes 4 bytes a part of a document and 8 a row, beside what the index takes. REQUIRES:
  // sequence > 0; `shards` and `index` outlive this.
  PackedSource(const TokenShards& shards, const DocumentIndex& index, const Options& options);

  void make(std::int64_t draw, Example& example) override;
  std::int64_t longest() const override { return longest_; }
  std::int64_t epoch() const override { return static_cast<std::int64_t>(row_starts_.size()) - 1; }
  // Share of the rows' places that documents fill.
  double filled() const;

 private:
  void append(const DocumentPart& part, Example& example);

  const TokenShards& shards_;
  Options options_;
  DocumentParts parts_;
  std::vector<std::int64_t> row_starts_;   // in members_, then their count
  std::vector<std::uint32_t> members_;     // numbers of parts, row by row
  std::int64_t longest_ = 0, places_ = 0;  // of the longest row, and of all
  std::vector<std::int32_t> tokens_;       // of one part
  std::vector<std::uint8_t> counted_;
};

}  // namespace obverse::engine
