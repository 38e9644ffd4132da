// GPT-2's two files: vocab.bpe, a line a merge in order of rank behind a line "#version: ...", and
// encoder.json, an object of tokens and ids; bytes as byte_characters.h writes them. Also under the
// names that Hugging Face gave them, merges.txt and vocab.json. The rules are GPT-2's.
#pragma once

#include <filesystem>
#include <optional>

#include "tokenizer/vocabulary.h"

namespace obverse::tokenizer {

struct Gpt2Files {
  std::filesystem::path merges, tokens;
};

// Both files of which `path` names one by one of their names; nothing for any other name.
std::optional<Gpt2Files> gpt2_files_of(const std::filesystem::path& path);

// A token that is no byte and that no merge makes is special if it looks like <...> or [...]; any
// other says that vocab.bpe is cut short. Throws std::runtime_error, one line that names file and
// line or token.
Vocabulary read_gpt2_files(const Gpt2Files& files);

// Writes vocab.bpe and encoder.json into `folder`, each whole or not at all. Throws
// std::invalid_argument for what they cannot hold, std::runtime_error where they cannot be written.
void write_gpt2_files(const std::filesystem::path& folder, const Vocabulary& vocabulary);

}  // namespace obverse::tokenizer
