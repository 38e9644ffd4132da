// How files of byte-level tokenizers write bytes: each byte is a printable character, itself where
// it is one in Latin-1 and the next free one from U+0100 on elsewhere (Radford et al. 2019, GPT-2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace obverse::tokenizer {

// Bytes in the order of their characters: the order of GPT-2's first 256 ids, and of those that
// training gives.
const std::array<std::uint8_t, 256>& bytes_in_order();

// Any bytes as characters, in UTF-8; and back: nothing where `text` has a character that stands for
// no byte, or is no UTF-8.
std::string characters_of(std::string_view bytes);
std::optional<std::string> bytes_of_characters(std::string_view text);

}  // namespace obverse::tokenizer
