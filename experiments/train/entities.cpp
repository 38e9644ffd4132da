#include "experiments/train/entities.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace obverse::train {
namespace {

bool is_letter(unsigned char byte) {
  // Whatever is not ASCII is taken for a letter's byte: names have accents more often than
  // dashes.
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 0x80;
}

// Of the first character: ASCII, or a two-byte one of Latin-1, Greek or Cyrillic.
bool is_capital(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  if (byte(0) >= 'A' && byte(0) <= 'Z') return true;
  if (byte(0) == 0xC3) return byte(1) >= 0x80 && byte(1) <= 0x9E && byte(1) != 0x97;
  if (byte(0) == 0xCE) return byte(1) >= 0x91 && byte(1) <= 0xA9;
  return byte(0) == 0xD0 && byte(1) >= 0x80 && byte(1) <= 0xAF;
}

bool ends_sentence(char byte) { return byte == '.' || byte == '!' || byte == '?' || byte == '\n'; }

std::size_t end_of_word(std::string_view text, std::size_t begin) {
  while (begin < text.size() && is_letter(static_cast<unsigned char>(text[begin]))) ++begin;
  return begin;
}

// Calls visit(begin, end) for each name of a text.
template <typename Visit>
void for_each_name(std::string_view text, const Visit& visit) {
  bool sentence_begins = true;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = end_of_word(text, at);
    if (end == at) {
      sentence_begins |= ends_sentence(text[at]);
      ++at;
      continue;
    }
    if (is_capital(text.substr(at))) {
      // Further words, each behind one space.
      int words = 1;
      while (end + 1 < text.size() && text[end] == ' ' && is_capital(text.substr(end + 1))) {
        end = end_of_word(text, end + 1);
        ++words;
      }
      if (words > 1 || !sentence_begins) visit(at, end);
    }
    sentence_begins = false;
    at = end;
  }
}

}  // namespace

EntityFinder::EntityFinder(const tokenizer::Tokenizer& tokenizer) {
  for (std::int64_t id = 0; id < tokenizer.size(); ++id) {
    const auto token = static_cast<std::int32_t>(id);
    // No name goes on across a special token, and a sentence begins behind it.
    pieces_.emplace_back(tokenizer.is_special(token) ? "\n" : tokenizer.bytes_of(token));
  }
}

void EntityFinder::find(engine::Document& document) const {
  document.entities.clear();
  std::string text;
  std::vector<std::size_t> ends;  // of each token in the text
  for (const std::int32_t id : document.tokens) {
    const auto place = static_cast<std::size_t>(id);
    text += place < pieces_.size() ? pieces_[place] : "\n";
    ends.push_back(text.size());
  }
  std::int32_t free = 0;  // the first token that is in no name yet
  for_each_name(text, [&](std::size_t begin, std::size_t end) {
    const auto token_of = [&ends](std::size_t byte) {
      return static_cast<std::int32_t>(std::upper_bound(ends.begin(), ends.end(), byte) -
                                       ends.begin());
    };
    const std::int32_t first = token_of(begin), behind = token_of(end - 1) + 1;
    if (first < free) return;
    document.entities.push_back({first, behind - first});
    free = behind;
  });
}

}  // namespace obverse::train
