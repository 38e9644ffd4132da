// Word-level tokens for the published data: words, numbers and single punctuation marks, case kept.
// White space is not kept: texts differ in their tokens alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace obverse::reversal {

// Splits into words (letters, digits, and apostrophes between them: "world's" and "2041" are one
// word each), and every other visible character by itself. Bytes above ASCII count as letters, so
// that accented words and curly apostrophes stay whole. The pieces joined are the text without its
// white space.
std::vector<std::string> split_words(std::string_view text);

// A vocabulary that grows while training texts are added and maps everything else to kUnknown.
class WordTokenizer {
 public:
  WordTokenizer();

  void add(const std::vector<std::string>& words);
  std::vector<std::int32_t> encode(const std::vector<std::string>& words) const;
  // Special tokens first, then words in the order of their first appearance.
  const std::vector<std::string>& vocabulary() const { return vocabulary_; }

 private:
  std::vector<std::string> vocabulary_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

}  // namespace obverse::reversal
