// Finds added tokens, such as "<|endoftext|>", in a text: the first place where one stands, and the
// longest there.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace obverse::tokenizer {

class AddedTokens {
 public:
  AddedTokens() = default;
  // Texts with their ids. REQUIRES: no text is empty; they are distinct.
  explicit AddedTokens(std::vector<std::pair<std::string, std::int32_t>> tokens);

  bool empty() const { return tokens_.empty(); }

  struct Found {
    std::size_t begin = std::string_view::npos, bytes = 0;
    std::int32_t id = -1;
  };
  // In text[from, size), or `begin` npos.
  Found find(std::string_view text, std::size_t from) const;

  // Whether a token stands in `text` so that `place` is within it: no place to cut the text.
  bool stands_across(std::string_view text, std::size_t place) const;

 private:
  std::vector<std::pair<std::string, std::int32_t>> tokens_;  // longest first
  std::bitset<256> first_bytes_;
  std::bitset<1 << 16> first_two_bytes_;
  std::size_t longest_ = 0;
};

}  // namespace obverse::tokenizer
