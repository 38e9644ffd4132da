// "The <gap:2> sat on the <gap>." as its texts and gaps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace obverse::generation {

struct GapText {
  std::vector<std::string> texts;  // one more than gaps: before, between and behind them
  std::vector<std::optional<std::int64_t>> gaps;  // their tokens, where the text tells
};

// A blank in front of a gap is left to what fills it: tokens of byte-level vocabularies begin with
// the blank before their word. Throws std::invalid_argument for a text without a gap and for a
// "<gap:" without a whole number above 0 and ">" behind it.
GapText parse_gap_text(const std::string& text);

}  // namespace obverse::generation
