#include "tokenizer/byte_characters.h"

#include <algorithm>

#include "tokenizer/utf8.h"

namespace obverse::tokenizer {
namespace {

bool is_printable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Tables {
  std::array<char32_t, 256> character_of{};
  std::array<std::int16_t, 0x200> byte_of{};
  std::array<std::uint8_t, 256> in_order{};

  Tables() {
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      character_of[byte] = is_printable(byte) ? static_cast<char32_t>(byte) : next++;
    }
    byte_of.fill(-1);
    for (int byte = 0; byte < 256; ++byte) {
      byte_of[character_of[byte]] = static_cast<std::int16_t>(byte);
      in_order[byte] = static_cast<std::uint8_t>(byte);
    }
    std::sort(in_order.begin(), in_order.end(),
              [this](std::uint8_t a, std::uint8_t b) { return character_of[a] < character_of[b]; });
  }
};

const Tables& tables() {
  static const Tables kTables;
  return kTables;
}

}  // namespace

const std::array<std::uint8_t, 256>& bytes_in_order() { return tables().in_order; }

std::string characters_of(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    append_utf8(tables().character_of[static_cast<unsigned char>(byte)], text);
  }
  return text;
}

std::optional<std::string> bytes_of_characters(std::string_view text) {
  if (valid_prefix(text) != text.size()) return std::nullopt;
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const Character character = decode(text.data() + at);
    at += character.bytes;
    if (character.code >= tables().byte_of.size() || tables().byte_of[character.code] < 0) {
      return std::nullopt;
    }
    bytes += static_cast<char>(tables().byte_of[character.code]);
  }
  return bytes;
}

}  // namespace obverse::tokenizer
