#include "tokenizer/model.h"

#include <set>
#include <stdexcept>
#include <unordered_set>
#include <utility>

namespace obverse::tokenizer {
namespace {

[[noreturn]] void fail(const std::string& file, const std::string& what) {
  throw std::runtime_error(file + ": " + what);
}

// Gives the vocabulary back, checked.
Vocabulary checked(Vocabulary vocabulary, const std::string& file) {
  const auto size = static_cast<std::int64_t>(vocabulary.tokens.size());
  const auto check_id = [&](std::int64_t id, const std::string& what) {
    if (id < 0 || id >= size) {
      fail(file,
           what + ": expected an id below " + std::to_string(size) + ", got " + std::to_string(id));
    }
  };
  for (std::int64_t id = 0; id < size; ++id) {
    if (vocabulary.tokens[static_cast<std::size_t>(id)].empty()) {
      fail(file, "expected every token to have bytes, got none for id " + std::to_string(id));
    }
  }
  std::unordered_set<std::string_view> texts;
  for (const AddedToken& token : vocabulary.added) {
    check_id(token.id, "added token");
    const std::string& text = vocabulary.tokens[static_cast<std::size_t>(token.id)];
    if (!texts.insert(text).second) fail(file, "added token '" + text + "' is there twice");
  }
  byte_ids(token_ids(vocabulary), file);
  std::set<std::pair<std::int32_t, std::int32_t>> pairs;
  for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const Merge& merge = vocabulary.merges[rank];
    const std::string name = "merge " + std::to_string(rank);
    for (const std::int32_t id : {merge.left, merge.right, merge.result}) check_id(id, name);
    const auto bytes = [&vocabulary](std::int32_t id) -> const std::string& {
      return vocabulary.tokens[static_cast<std::size_t>(id)];
    };
    if (bytes(merge.left) + bytes(merge.right) != bytes(merge.result)) {
      fail(file, name + ": expected a token of the bytes of both parts, got id " +
                     std::to_string(merge.result));
    }
    if (!pairs.emplace(merge.left, merge.right).second) {
      fail(file, name + ": the same pair is merged twice");
    }
  }
  return vocabulary;
}

Pretokenizer pretokenizer_of(const Vocabulary& vocabulary, const std::string& file) {
  try {
    return Pretokenizer(vocabulary.rules);
  } catch (const std::invalid_argument& error) {
    fail(file, error.what());
  }
}

AddedTokens added_tokens(const Vocabulary& vocabulary, bool with_special) {
  std::vector<std::pair<std::string, std::int32_t>> tokens;
  for (const AddedToken& token : vocabulary.added) {
    if (token.special && !with_special) continue;
    tokens.emplace_back(vocabulary.tokens[static_cast<std::size_t>(token.id)], token.id);
  }
  return AddedTokens(std::move(tokens));
}

}  // namespace

Model::Model(Vocabulary read, const std::string& file)
    : vocabulary(checked(std::move(read), file)),
      pretokenizer(pretokenizer_of(vocabulary, file)),
      merges(vocabulary),
      always_found(added_tokens(vocabulary, false)),
      all_found(added_tokens(vocabulary, true)),
      is_special(vocabulary.tokens.size(), false),
      ids(token_ids(vocabulary)) {
  for (const AddedToken& token : vocabulary.added) {
    is_special[static_cast<std::size_t>(token.id)] = token.special;
  }
}

}  // namespace obverse::tokenizer
