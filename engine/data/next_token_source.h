// Texts as next-token examples: all tokens but the last are read, all but the first are asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/data/example_source.h"

namespace obverse::engine {

class NextTokenSource : public ExampleSource {
 public:
  // With `end_of_text`, documents within a text, which end with that token, are kept apart:
  // attention starts anew behind it (Example::first_keys), and what follows it is not asked for.
  // REQUIRES: `texts` outlives this.
  explicit NextTokenSource(DocumentSource& texts, std::optional<std::int32_t> end_of_text = {})
      : texts_(texts), end_of_text_(end_of_text) {}

  void make(std::int64_t draw, Example& example) override;
  std::int64_t longest() const override { return texts_.longest() - 1; }
  std::int64_t epoch() const override { return texts_.epoch(); }

 private:
  DocumentSource& texts_;
  std::optional<std::int32_t> end_of_text_;
  Document text_;
  std::vector<std::uint8_t> counted_;
};

}  // namespace obverse::engine
