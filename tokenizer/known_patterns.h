// The pre-token rules of GPT-2 and of GPT-4 (cl100k, as Llama-3 has it, too), written by hand: many
// times as fast as PCRE2, which takes every alternative anew at each place. Tests hold both to the
// same pieces.
#pragma once

#include <string_view>

#include "tokenizer/character_classes.h"

namespace obverse::tokenizer {

inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kGpt4Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace known_patterns {

inline bool is_newline(char letter) { return letter == '\n' || letter == '\r'; }

inline const char* skip(const char* at, const char* end, CharacterClass kind) {
  while (at != end) {
    const ClassedCharacter character = classify(at);
    if (character.kind != kind) break;
    at += character.bytes;
  }
  return at;
}

// The end of what a contraction takes behind an apostrophe at `at`, or `at` where there is none.
// `fold` is 0x20 for both cases of ASCII, 0 for small letters alone.
inline const char* contraction(const char* at, const char* end, int fold) {
  if (end - at < 2) return at;
  const int first = at[1] | fold;
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if (end - at < 3) return at;
  const int second = at[2] | fold;
  if ((second == 'e' && (first == 'r' || first == 'v')) || (first == 'l' && second == 'l')) {
    return at + 3;
  }
  // The long s, U+017F, is s in another case.
  if (fold != 0 && at[1] == '\xC5' && at[2] == '\xBF') return at + 3;
  return at;
}

// White space from `begin`: \s+(?!\S)|\s+ leaves the last character to the word behind it.
inline const char* white_space(const char* begin, const char* end) {
  const char* at = begin;
  const char* last = begin;
  while (at != end) {
    const ClassedCharacter character = classify(at);
    if (character.kind != CharacterClass::space) return last == begin ? at : last;
    last = at;
    at += character.bytes;
  }
  return at;
}

}  // namespace known_patterns

// Calls emit(std::string_view) for each piece of `text`, in order; together they are the text.
// REQUIRES: `text` is valid UTF-8.
template <typename Emit>
void split_gpt2(std::string_view text, Emit&& emit) {
  using namespace known_patterns;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* const begin = at;
    if (*at == '\'') at = contraction(at, end, 0);
    if (at == begin) {
      const char* const first = *at == ' ' && at + 1 != end ? at + 1 : at;
      const ClassedCharacter character = classify(first);
      at = character.kind == CharacterClass::space
               ? white_space(begin, end)
               : skip(first + character.bytes, end, character.kind);
    }
    emit(std::string_view(begin, static_cast<std::size_t>(at - begin)));
  }
}

namespace known_patterns {

// Where the piece that begins at `begin` ends by GPT-4's rules, contractions aside.
inline const char* gpt4_piece(const char* begin, const char* end) {
  const ClassedCharacter first = classify(begin);
  const char* at = begin + first.bytes;
  if (first.kind == CharacterClass::letter) return skip(at, end, CharacterClass::letter);
  if (first.kind == CharacterClass::number) {
    for (int count = 1; count < 3 && at != end; ++count) {
      const ClassedCharacter next = classify(at);
      if (next.kind != CharacterClass::number) break;
      at += next.bytes;
    }
    return at;
  }
  const CharacterClass next = at != end ? classify(at).kind : CharacterClass::space;
  if (next == CharacterClass::letter && !is_newline(*begin)) {
    return skip(at, end, CharacterClass::letter);
  }
  if (first.kind == CharacterClass::other || (*begin == ' ' && next == CharacterClass::other)) {
    at = skip(at, end, CharacterClass::other);
    while (at != end && is_newline(*at)) ++at;
    return at;
  }
  // \s*[\r\n]+ ends behind the last line end of the white space.
  const char* behind_newline = nullptr;
  const char* space = begin;
  for (; space != end; space += classify(space).bytes) {
    if (classify(space).kind != CharacterClass::space) break;
    if (is_newline(*space)) behind_newline = space + 1;
  }
  return behind_newline != nullptr ? behind_newline : white_space(begin, end);
}

}  // namespace known_patterns

template <typename Emit>
void split_gpt4(std::string_view text, Emit&& emit) {
  using namespace known_patterns;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* const begin = at;
    if (*at == '\'') at = contraction(at, end, 0x20);
    if (at == begin) at = gpt4_piece(begin, end);
    emit(std::string_view(begin, static_cast<std::size_t>(at - begin)));
  }
}

}  // namespace obverse::tokenizer
