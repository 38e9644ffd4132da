#include "experiments/reversal_curse/word_tokenizer.h"

#include "experiments/reversal_curse/worlds/world_building.h"

namespace obverse::reversal {

namespace {

// Not std::isalpha and its like: those depend on the locale.
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::size_t i = 0;
  while (i < text.size()) {
    if (is_space(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    if (is_word_character(text[i])) {
      while (end < text.size()) {
        const bool inner_apostrophe =
            text[end] == '\'' && end + 1 < text.size() && is_word_character(text[end + 1]);
        if (!is_word_character(text[end]) && !inner_apostrophe) break;
        ++end;
      }
    }
    words.emplace_back(text.substr(i, end - i));
    i = end;
  }
  return words;
}

WordTokenizer::WordTokenizer() : vocabulary_(special_tokens()) {}

void WordTokenizer::add(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (ids_.emplace(word, static_cast<std::int32_t>(vocabulary_.size())).second) {
      vocabulary_.push_back(word);
    }
  }
}

std::vector<std::int32_t> WordTokenizer::encode(const std::vector<std::string>& words) const {
  std::vector<std::int32_t> tokens;
  for (const std::string& word : words) {
    const auto found = ids_.find(word);
    tokens.push_back(found == ids_.end() ? std::int32_t{engine::kUnknown} : found->second);
  }
  return tokens;
}

}  // namespace obverse::reversal
