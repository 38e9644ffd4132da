#include "experiments/generate/utf8_stream.h"

#include <cstddef>

namespace obverse::generation {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

// How many bytes a character has that begins so; 0 where none does.
std::size_t size_of_character(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

// Whether `next` may stand behind `index` bytes of a character that begins with `first`. The second
// byte's range leaves out what is written too long, surrogates, and what is above U+10FFFF.
bool may_follow(unsigned char first, std::size_t index, unsigned char next) {
  unsigned char least = 0x80, most = 0xBF;
  if (index == 1) {
    if (first == 0xE0) least = 0xA0;
    if (first == 0xED) most = 0x9F;
    if (first == 0xF0) least = 0x90;
    if (first == 0xF4) most = 0x8F;
  }
  return next >= least && next <= most;
}

}  // namespace

std::string Utf8Stream::push(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    const auto next = static_cast<unsigned char>(byte);
    if (!held_.empty()) {
      const auto first = static_cast<unsigned char>(held_.front());
      if (may_follow(first, held_.size(), next)) {
        held_ += byte;
        if (held_.size() == size_of_character(first)) {
          out += held_;
          held_.clear();
        }
        continue;
      }
      out += finish();
    }
    switch (size_of_character(next)) {
      case 0:
        out += kReplacement;
        break;
      case 1:
        out += byte;
        break;
      default:
        held_ = byte;
    }
  }
  return out;
}

std::string Utf8Stream::finish() {
  const bool unfinished = !held_.empty();
  held_.clear();
  return unfinished ? kReplacement : "";
}

}  // namespace obverse::generation
