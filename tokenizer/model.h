// A vocabulary with the tables that encoding needs. Immutable: one for all threads.
#pragma once

#include "tokenizer/added_tokens.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/vocabulary.h"

namespace obverse::tokenizer {

struct Model {
  // Throws std::runtime_error, one line that begins with `file`, for what no tokenizer can be made
  // of: tokens that are missing, empty or there twice, merges that do not fit them, patterns that
  // PCRE2 refuses.
  Model(Vocabulary vocabulary, const std::string& file);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Vocabulary vocabulary;
  Pretokenizer pretokenizer;
  MergeTable merges;
  // Added tokens that are found always; these and the special ones.
  AddedTokens always_found, all_found;
  std::vector<bool> is_special;  // [id]
  TokenIds ids;                  // of tokens that are not added
};

}  // namespace obverse::tokenizer
