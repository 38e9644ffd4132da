// What a file of a byte-level BPE tokenizer says: tokens, merges, added tokens, pre-token rules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/pretokenizer.h"

namespace obverse::tokenizer {

// `left` and `right` side by side become `result`, whose bytes are theirs.
struct Merge {
  std::int32_t left, right, result;
};

// A token that is found in the text before any rule is applied: special ones where the caller
// allows it, the others always.
struct AddedToken {
  std::int32_t id;
  bool special;
};

struct Vocabulary {
  std::vector<std::string> tokens;  // [id], their bytes
  std::vector<Merge> merges;        // by rank: the lowest that applies is done first
  std::vector<AddedToken> added;
  std::vector<SplitRule> rules;
  // A piece that is a token as a whole is taken as that token, whatever merges make of it.
  bool ignores_merges = false;
  // JSON of the file's own that encoding does not use and save() writes again.
  std::string post_processor = "null";
};

// Ids of tokens that are not added, by their bytes. The vocabulary must outlive it.
using TokenIds = std::unordered_map<std::string_view, std::int32_t>;
TokenIds token_ids(const Vocabulary& vocabulary);

// The ids of the tokens that are one byte. Throws std::runtime_error, a line that begins with
// `file`, where a byte has none.
std::vector<std::int32_t> byte_ids(const TokenIds& ids, const std::string& file);

}  // namespace obverse::tokenizer
