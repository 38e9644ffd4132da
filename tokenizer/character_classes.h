// The kinds of characters that pre-token rules tell apart: \p{L}, \p{N}, White_Space, all others.
// Of the Unicode version that the PCRE2 at hand knows, so that rules written by hand and rules as
// regular expressions agree; letters that a later version adds are others until then.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tokenizer/utf8.h"

namespace obverse::tokenizer {

enum class CharacterClass : std::uint8_t { other, letter, number, space };

class CharacterClasses {
 public:
  // The one table there is: made at the first call, in a few hundredths of a second.
  static const CharacterClasses& table();

  // REQUIRES: code <= 0x10FFFF.
  CharacterClass of(char32_t code) const {
    return blocks_[static_cast<std::size_t>(block_of_[code / kBlock]) * kBlock + code % kBlock];
  }

 private:
  static constexpr std::size_t kBlock = 256, kCodes = 0x110000;

  CharacterClasses();

  // Most blocks are alike (Han, Hangul, unassigned), so that those in use fit a cache.
  std::array<std::uint16_t, kCodes / kBlock> block_of_{};
  std::vector<CharacterClass> blocks_;
};

// ASCII, without a look into the table.
inline constexpr auto kAsciiClasses = [] {
  std::array<CharacterClass, 128> classes{};
  for (int letter = 0; letter < 26; ++letter) {
    classes['a' + letter] = classes['A' + letter] = CharacterClass::letter;
  }
  for (int digit = 0; digit < 10; ++digit) classes['0' + digit] = CharacterClass::number;
  for (int code = 9; code <= 13; ++code) classes[code] = CharacterClass::space;
  classes[' '] = CharacterClass::space;
  return classes;
}();

// The class and length of the character at `at`. REQUIRES: it is valid UTF-8.
struct ClassedCharacter {
  CharacterClass kind;
  unsigned bytes;
};
inline ClassedCharacter classify(const char* at) {
  const auto first = static_cast<unsigned char>(*at);
  if (first < 0x80) return {kAsciiClasses[first], 1};
  const Character character = decode(at);
  return {CharacterClasses::table().of(character.code), character.bytes};
}

}  // namespace obverse::tokenizer
