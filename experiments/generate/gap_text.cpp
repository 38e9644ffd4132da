#include "experiments/generate/gap_text.h"

#include <charconv>

#include "kernels/core/check.h"

namespace obverse::generation {

using kernels::require;

GapText parse_gap_text(const std::string& text) {
  constexpr std::int64_t kMostTokens = 1 << 20;
  const std::string mark = "<gap";
  GapText result;
  std::size_t begin = 0;
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
    const std::size_t behind = at + mark.size();
    const char next = behind < text.size() ? text[behind] : '\0';
    if (next != '>' && next != ':') {  // another word that begins so
      at = behind;
      continue;
    }
    std::optional<std::int64_t> tokens;
    std::size_t close = behind;
    if (next == ':') {
      close = text.find('>', behind);
      std::int64_t number = 0;
      const char* end = text.data() + (close == std::string::npos ? text.size() : close);
      const auto [stop, error] = std::from_chars(text.data() + behind + 1, end, number);
      require(close != std::string::npos && error == std::errc() && stop == end && number > 0 &&
                  number <= kMostTokens,
              "expected <gap> or <gap:N> with N from 1 to ", kMostTokens, ", got '",
              text.substr(at, (close == std::string::npos ? text.size() : close + 1) - at), "'");
      tokens = number;
    }
    std::string before = text.substr(begin, at - begin);
    if (!before.empty() && before.back() == ' ') before.pop_back();
    result.texts.push_back(before);
    result.gaps.push_back(tokens);
    begin = at = close + 1;
  }
  require(!result.gaps.empty(), "expected a text with a <gap>, got '", text, "'");
  result.texts.push_back(text.substr(begin));
  return result;
}

}  // namespace obverse::generation
