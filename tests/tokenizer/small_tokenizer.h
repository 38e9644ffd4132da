// Texts and tokenizers that tests of the tokenizer share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/core/random.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/train.h"
#include "tokenizer/utf8.h"

namespace obverse::tokenizer {

inline kernels::RandomSequence draws(std::uint64_t stream) {
  return kernels::RandomSequence({.seed = 20261128, .step = stream});
}

// Characters of every kind that pre-token rules tell apart, those that fool a matcher often.
inline std::string random_text(std::uint64_t stream, std::size_t characters) {
  static const std::vector<std::u32string> kKinds = {U"abcstdmrevlSTDLEVRM",
                                                     U"'’",
                                                     U" ",
                                                     U" \t\n\r\v\f",
                                                     U"\u0085\u00A0\u1680\u2003\u2028\u3000",
                                                     U"\u180E\u200B\u200D\uFEFF",
                                                     U"0123456789",
                                                     U"٣५①²Ⅷ",
                                                     U"яжéßſKΩ",
                                                     U"中文字日本語한글",
                                                     U"\u0301\u0900\u20DD",
                                                     U".,!?-_<|>/",
                                                     U"\U0001F642\U0001F469\U00020000\U0001D7D8"};
  kernels::RandomSequence random = draws(stream);
  std::string text;
  while (characters > 0) {
    const std::u32string& kind = kKinds[random.integer(kKinds.size())];
    for (std::uint64_t run = 1 + random.integer(4); run > 0 && characters > 0;
         --run, --characters) {
      append_utf8(kind[random.integer(kind.size())], text);
    }
  }
  return text;
}

inline std::string random_bytes(std::uint64_t stream, std::size_t count) {
  kernels::RandomSequence random = draws(stream);
  std::string bytes;
  while (bytes.size() < count) bytes += static_cast<char>(random.integer(256));
  return bytes;
}

// English enough for merges of several letters.
inline const std::string kSomeText =
    "the cat sat on the mat, and the other cat sat on the other mat.\n"
    "It's what they'd said: \"the cat's mat isn't there\" (12 cats, 345 mats).\n\n"
    "  Then the cat then sat there.\n\tthe end 2024\n";

inline TrainedTokenizer trained_on(const std::string& text, const TrainingOptions& options) {
  const tests::TemporaryFolder folder;
  tests::write_file(folder.path() / "text.txt", text);
  return train({{folder.path() / "text.txt"}}, options);
}

inline Tokenizer small_tokenizer(const std::string& pattern = "gpt2") {
  return trained_on(kSomeText, {.vocabulary = 300,
                                .pattern = pattern,
                                .specials = {"<|endoftext|>", "<|x|>"},
                                .least_count = 1})
      .tokenizer;
}

// The message of what `call` throws, or "nothing thrown".
template <typename Error, typename Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace obverse::tokenizer
