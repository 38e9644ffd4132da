// tokenizer.json, the one file of Hugging Face's tokenizers library
// (https://huggingface.co/docs/tokenizers), as far as it holds byte-level BPE.
#pragma once

#include <filesystem>

#include "tokenizer/vocabulary.h"

namespace obverse::tokenizer {

// Reads a model of type BPE with merges as "a b" or ["a", "b"], behind pre-tokenizers ByteLevel,
// Split, Digits and sequences of these. What encoding would have to do otherwise (a normalizer, a
// blank put before the text, tokens that take in blanks, dropout, prefixes and suffixes of words,
// another model) is refused; a post-processor is kept and not applied. Throws std::runtime_error,
// one line that names file, field, what was expected and found.
Vocabulary read_huggingface_file(const std::filesystem::path& path);

// Writes the file, whole or not at all. Throws std::runtime_error where it cannot be written.
void write_huggingface_file(const std::filesystem::path& path, const Vocabulary& vocabulary);

}  // namespace obverse::tokenizer
