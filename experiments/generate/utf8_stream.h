// Bytes that come in pieces, as tokens have them, passed on as whole characters: what a terminal or
// a JSON file is given is UTF-8 at any moment.
#pragma once

#include <string>
#include <string_view>

namespace obverse::generation {

class Utf8Stream {
 public:
  // The characters that are complete with `bytes`. An unfinished one is held back until the bytes
  // that complete it come. What can be part of no character becomes U+FFFD, one for each longest
  // beginning of a character, as the Unicode Standard recommends (chapter 3, "U+FFFD Substitution
  // of Maximal Subparts").
  std::string push(std::string_view bytes);
  // U+FFFD for an unfinished character, else nothing.
  std::string finish();

 private:
  std::string held_;  // the beginning of a character, at most three bytes
};

}  // namespace obverse::generation
