#include "tokenizer/utf8.h"

#include <optional>
#include <string>

#include "tests/tokenizer/small_tokenizer.h"
#include "tokenizer/byte_characters.h"

namespace obverse::tokenizer {
namespace {

// Decodes by the arithmetic of the encoding alone, then looks whether the shortest form was used.
std::optional<std::size_t> bytes_of_first(const std::string& text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t bytes = byte(0) < 0x80   ? 1
                            : byte(0) < 0xC0 ? 0
                            : byte(0) < 0xE0 ? 2
                            : byte(0) < 0xF0 ? 3
                            : byte(0) < 0xF8 ? 4
                                             : 0;
  if (bytes == 0 || text.size() < bytes) return std::nullopt;
  std::uint32_t code = bytes == 1 ? byte(0) : byte(0) & (0x7F >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (byte(i) / 64 != 2) return std::nullopt;
    code = code * 64 + byte(i) % 64;
  }
  const std::uint32_t least[] = {0, 0x80, 0x800, 0x10000};
  if (code < least[bytes - 1] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    return std::nullopt;
  }
  return bytes;
}

TEST_CASE("valid UTF-8 is told from other bytes", "[utf8]") {
  // Every first byte with second bytes at the bounds, then bytes that go on or do not.
  for (int first = 0; first < 256; ++first) {
    for (const int second : {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF}) {
      for (const std::string rest : {"", "\x80", "\xBF\x80", "\xBF\xC0", "zz"}) {
        const std::string text =
            std::string{static_cast<char>(first), static_cast<char>(second)} + rest;
        std::size_t expected = 0;
        while (expected < text.size()) {
          const auto bytes = bytes_of_first(text.substr(expected));
          if (!bytes) break;
          expected += *bytes;
        }
        std::size_t invalid = 0;
        while (invalid < text.size() && !bytes_of_first(text.substr(invalid))) ++invalid;
        INFO(first << " " << second << " and " << rest.size() << " bytes more");
        CHECK(valid_prefix(text) == expected);
        CHECK(invalid_prefix(text) == invalid);
      }
    }
  }
  CHECK(valid_prefix("sixteen letters, and more\xFF") == 25);
  CHECK(valid_prefix("") == 0);
  CHECK(invalid_prefix("") == 0);
}

TEST_CASE("characters are written and read", "[utf8]") {
  std::size_t wrong = 0;
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    append_utf8(code, text);
    const Character read = decode(text.data());
    wrong += read.code != code || read.bytes != text.size() || valid_prefix(text) != text.size();
  }
  CHECK(wrong == 0);
}

TEST_CASE("bytes have GPT-2's characters", "[utf8]") {
  CHECK(characters_of("A b\n") == "AĠbĊ");
  CHECK(characters_of("\xC3\xA9") == "Ã©");
  CHECK(characters_of(std::string("\0\xAD\x7F", 3)) == "ĀŃġ");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  CHECK(bytes_of_characters(characters_of(all)) == all);
  CHECK_FALSE(bytes_of_characters("a b").has_value());  // a blank stands for no byte
  CHECK_FALSE(bytes_of_characters("日").has_value());
  CHECK_FALSE(bytes_of_characters("\xFF").has_value());
  CHECK(bytes_in_order()[0] == '!');
  CHECK(bytes_in_order()[188] == 0);
  CHECK(bytes_in_order()[255] == 0xAD);
}

}  // namespace
}  // namespace obverse::tokenizer
