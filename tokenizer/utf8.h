// UTF-8 as the Unicode standard has it (3.9, table 3-7): no overlong form, no surrogate, nothing
// above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace obverse::tokenizer {

// How many bytes at the beginning of `text` are valid UTF-8.
std::size_t valid_prefix(std::string_view text);

// How many bytes at the beginning of `text` stand before the first valid character.
std::size_t invalid_prefix(std::string_view text);

// One character of valid text.
struct Character {
  char32_t code;
  unsigned bytes;
};

// REQUIRES: `at` points to the first byte of a valid character. Not checked: this is the inner loop
// of every pre-token rule, behind valid_prefix().
inline Character decode(const char* at) {
  const auto byte = [at](int i) { return static_cast<unsigned char>(at[i]); };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const auto low = [&byte](int i) { return static_cast<char32_t>(byte(i) & 0x3F); };
  if (first < 0xE0) return {(first & 0x1F) << 6 | low(1), 2};
  if (first < 0xF0) return {(first & 0x0F) << 12 | low(1) << 6 | low(2), 3};
  return {(first & 0x07) << 18 | low(1) << 12 | low(2) << 6 | low(3), 4};
}

void append_utf8(char32_t code, std::string& text);

}  // namespace obverse::tokenizer
