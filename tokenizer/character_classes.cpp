#include "tokenizer/character_classes.h"

#include <algorithm>
#include <map>
#include <string>

#include "tokenizer/regex.h"

namespace obverse::tokenizer {

const CharacterClasses& CharacterClasses::table() {
  static const CharacterClasses kTable;
  return kTable;
}

CharacterClasses::CharacterClasses() {
  std::string every_character;
  for (char32_t code = 0; code < kCodes; ++code) {
    if (code < 0xD800 || code > 0xDFFF) append_utf8(code, every_character);
  }
  std::vector<CharacterClass> classes(kCodes, CharacterClass::other);
  const auto mark = [&](const std::string& pattern, CharacterClass kind) {
    const Regex regex(pattern);
    RegexMatcher matcher(regex);
    RegexMatcher::Match match;
    for (std::size_t from = 0; matcher.next(every_character, from, match); from = match.end) {
      for (std::size_t at = match.begin; at < match.end;) {
        const Character character = decode(every_character.data() + at);
        classes[character.code] = kind;
        at += character.bytes;
      }
    }
  };
  mark("\\p{L}+", CharacterClass::letter);
  mark("\\p{N}+", CharacterClass::number);
  mark("\\s+", CharacterClass::space);

  std::map<std::vector<CharacterClass>, std::uint16_t> known;
  for (std::size_t block = 0; block < block_of_.size(); ++block) {
    const auto first = classes.begin() + static_cast<std::ptrdiff_t>(block * kBlock);
    const std::vector<CharacterClass> content(first, first + kBlock);
    const auto [entry, is_new] = known.try_emplace(content, known.size());
    if (is_new) blocks_.insert(blocks_.end(), content.begin(), content.end());
    block_of_[block] = entry->second;
  }
}

}  // namespace obverse::tokenizer
