#include "engine/data/document_index.h"

#include <algorithm>

#include "kernels/core/check.h"
#include "kernels/core/division.h"

namespace obverse::engine {

using kernels::require;

DocumentIndex::DocumentIndex(const TokenShards& shards, std::int32_t end_of_text,
                             Delimiter delimiter) {
  const std::int64_t size = shards.size();
  if (size < 2) {
    fail_in_file(shards.files().front().path(), "count: expected at least 2 tokens of text, found ",
                 size);
  }
  starts_.push_back(0);
  for (std::int64_t place = 0; place < size; ++place) {
    place = shards.find(end_of_text, place);
    const std::int64_t start = place + (delimiter == Delimiter::behind ? 1 : 0);
    if (start - starts_.back() >= 2 && size - start >= 2) starts_.push_back(start);
  }
  starts_.push_back(size);
  starts_.shrink_to_fit();
}

DocumentParts::DocumentParts(const DocumentIndex& index, std::int64_t places)
    : index_(index), places_(places) {
  require(places > 0, "[documents] expected parts of at least one token, got ", places);
  std::int64_t end = 0;
  for (std::int64_t i = 0; i < index.documents(); ++i) {
    const std::int64_t asked = index.end(i) - index.begin(i) - 1;
    if (asked <= places) continue;
    end += kernels::quotient_up(asked, places) - 1;
    later_.push_back({i, end});
  }
}

DocumentPart DocumentParts::part(std::int64_t part) const {
  std::int64_t document = part, number = 0;
  if (part >= index_.documents()) {
    const std::int64_t further = part - index_.documents();
    const auto found =
        std::upper_bound(later_.begin(), later_.end(), further,
                         [](std::int64_t value, const Later& later) { return value < later.end; });
    document = found->document;
    number = 1 + further - (found == later_.begin() ? 0 : std::prev(found)->end);
  }
  const std::int64_t begin = index_.begin(document) + number * places_;
  const std::int64_t left = index_.end(document) - begin;
  return {begin, std::min(left, places_), left <= places_};
}

}  // namespace obverse::engine
