#include "experiments/train/entities.h"

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

}  // namespace

EntityFinder::EntityFinder(const tokenizer::Tokenizer& tokenizer) {
  for (std::int64_t id = 0; id < tokenizer.size(); ++id) {
    Kind kind;
    const auto token = static_cast<std::int32_t>(id);
    std::string_view text = tokenizer.bytes_of(token);
    if (tokenizer.is_special(token) || text.empty()) {
      kind.ends_sentence = true;
      kinds_.push_back(kind);
      continue;
    }
    const bool spaced = text.front() == ' ';
    if (spaced) text.remove_prefix(1);
    kind.in_word = !text.empty() && is_letter(static_cast<unsigned char>(text.front()));
    kind.begins_word = spaced && kind.in_word;
    kind.capital = is_capital(text);
    const char last = text.empty() ? ' ' : text.back();
    kind.ends_sentence = last == '.' || last == '!' || last == '?' || last == '\n';
    kinds_.push_back(kind);
  }
}

EntityFinder::Kind EntityFinder::kind_of(std::int32_t id) const {
  const auto place = static_cast<std::size_t>(id);
  return place < kinds_.size() ? kinds_[place] : Kind{false, false, false, true};
}

void EntityFinder::find(engine::Document& document) const {
  document.entities.clear();
  const auto size = static_cast<std::int32_t>(document.tokens.size());
  std::int32_t begin = -1;  // of the name that is open
  int words = 0;
  bool sentence_begins = true, name_begins_sentence = false, in_word = false;
  const auto close = [&](std::int32_t end) {
    if (begin >= 0 && !(words == 1 && name_begins_sentence)) {
      document.entities.push_back({begin, end - begin});
    }
    begin = -1;
    words = 0;
  };
  for (std::int32_t i = 0; i < size; ++i) {
    const Kind kind = kind_of(document.tokens[static_cast<std::size_t>(i)]);
    // A letter behind something that is none begins a word without a space, too.
    const bool begins = kind.begins_word || (kind.in_word && !in_word);
    if (begins && kind.capital) {
      if (begin < 0) {
        begin = i;
        name_begins_sentence = sentence_begins;
      }
      ++words;
    } else if (begins || !kind.in_word) {
      close(i);
    }
    in_word = kind.in_word;
    sentence_begins = kind.ends_sentence || (sentence_begins && !kind.in_word);
  }
  close(size);
}

}  // namespace obverse::train
