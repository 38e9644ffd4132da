// One training text as token ids, with the places where entity names stand: what entity-wise
// reversal needs to know.
#pragma once

#include <cstdint>
#include <vector>

namespace obverse::engine {

// Tokens [begin, begin + length) that name one entity and keep their order when a text is reversed
// entity by entity.
struct EntitySpan {
  std::int32_t begin = 0;
  std::int32_t length = 0;
};

struct Document {
  std::vector<std::int32_t> tokens;  // begin-of-text first, end-of-text last
  std::vector<EntitySpan> entities;  // in order, disjoint
};

// Ids that every vocabulary of the project's worlds starts with.
enum SpecialToken : std::int32_t {
  kPadding = 0,
  kBeginOfText = 1,
  kEndOfText = 2,
  kMask = 3,
  kUnknown = 4,
  kSpecialTokenCount = 5,
};

// Those that objectives know, as a value: texts of another tokenizer have other ids. -1: none.
struct SpecialTokens {
  std::int32_t begin_of_text = kBeginOfText;
  std::int32_t end_of_text = kEndOfText;
  std::int32_t mask = kMask;
};

}  // namespace obverse::engine
