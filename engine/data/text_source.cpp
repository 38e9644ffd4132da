#include "engine/data/text_source.h"

#include "engine/data/keyed_permutation.h"
#include "kernels/core/check.h"

namespace obverse::engine {

TextSource::TextSource(const TokenShards& shards, const DocumentIndex& index, std::int64_t longest,
                       std::uint64_t seed)
    : shards_(shards),
      longest_((kernels::require(longest >= 2, "[texts] expected texts of at least 2 tokens, got ",
                                 longest),
                longest)),
      parts_(index, longest - 1),
      seed_(seed) {}

void TextSource::document(std::int64_t draw, Document& document,
                          std::vector<std::uint8_t>* counted) {
  const DocumentPart part = parts_.part(epoch_draw(draw, parts_.count(), seed_).item);
  const std::int64_t tokens = part.tokens();
  document.entities.clear();
  document.tokens.resize(static_cast<std::size_t>(tokens));
  shards_.read(part.begin, {document.tokens.data(), tokens});
  if (counted == nullptr) return;
  counted->resize(document.tokens.size());
  shards_.read_counted(part.begin, {counted->data(), tokens});
}

}  // namespace obverse::engine
