#include "tokenizer/added_tokens.h"

#include <algorithm>

namespace obverse::tokenizer {
namespace {

std::size_t two_bytes(unsigned char first, unsigned char second) {
  return static_cast<std::size_t>(first) << 8 | second;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<std::pair<std::string, std::int32_t>> tokens)
    : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(), [](const auto& a, const auto& b) {
    return a.first.size() != b.first.size() ? a.first.size() > b.first.size() : a.first < b.first;
  });
  for (const auto& token : tokens_) {
    const auto first = static_cast<unsigned char>(token.first[0]);
    first_bytes_.set(first);
    for (std::size_t second = 0; second < 256; ++second) {
      const bool fits =
          token.first.size() == 1 || static_cast<unsigned char>(token.first[1]) == second;
      if (fits) first_two_bytes_.set(two_bytes(first, static_cast<unsigned char>(second)));
    }
    longest_ = std::max(longest_, token.first.size());
  }
}

AddedTokens::Found AddedTokens::find(std::string_view text, std::size_t from) const {
  for (std::size_t at = from; at < text.size(); ++at) {
    const auto first = static_cast<unsigned char>(text[at]);
    if (!first_bytes_[first]) continue;
    // Text full of "<" must not be compared with some hundred tokens at each.
    if (at + 1 < text.size() &&
        !first_two_bytes_[two_bytes(first, static_cast<unsigned char>(text[at + 1]))]) {
      continue;
    }
    for (const auto& token : tokens_) {
      if (text.compare(at, token.first.size(), token.first) == 0) {
        return {at, token.first.size(), token.second};
      }
    }
  }
  return {};
}

bool AddedTokens::stands_across(std::string_view text, std::size_t place) const {
  const std::size_t first = place - std::min(place, longest_);
  for (std::size_t begin = first; begin < place; ++begin) {
    const Found found = find(text.substr(0, begin + longest_), begin);
    if (found.begin >= place) return false;
    if (found.begin + found.bytes > place) return true;
    begin = found.begin;
  }
  return false;
}

}  // namespace obverse::tokenizer
