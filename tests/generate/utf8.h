// What tests of generated text share.
#pragma once

#include <cstddef>
#include <string>

namespace obverse::tests {

// Whether a text is well-formed UTF-8: each character in its shortest form, no surrogates, none
// above U+10FFFF.
inline bool is_utf8(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : 3;
    if (more == 3 && first >> 3 != 30) return false;
    unsigned long code = more == 0 ? first : first & (0x3Fu >> more);
    for (int j = 1; j <= more; ++j) {
      if (i + static_cast<std::size_t>(j) >= text.size()) return false;
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(j)]);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3Fu);
    }
    constexpr unsigned long kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

}  // namespace obverse::tests
