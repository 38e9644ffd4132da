// What reading and writing tokenizer files shares: whole files, JSON with messages that say where
// a value stands, and tables of tokens that must be complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace obverse::tokenizer {

// What `path` is, behind links; file_type::not_found where nothing is there. Throws
// std::runtime_error, one line that names it, where that cannot be told.
std::filesystem::file_type file_type(const std::filesystem::path& path);

// All bytes of a file. Throws std::runtime_error, one line that names it.
std::string read_whole(const std::filesystem::path& path);

// Replaces `path` by `text`: written beside it, synced, renamed; its folder is made where it is
// missing. Throws std::runtime_error, one line that names it, the old file untouched.
void replace_whole(const std::filesystem::path& path, std::string_view text);

// The JSON object of a file. Throws std::runtime_error where it is none.
nlohmann::json read_json_object(const std::filesystem::path& path);

// A text as JSON writes it.
std::string json_string(std::string_view text);

// "{...}" of tokens and their places: an ordered object of nlohmann-json looks through all keys at
// each that is added.
std::string tokens_object(const std::vector<std::string>& written);

// A text or JSON value on one line, cut short where it is long, for a message. Of a value what is
// nested in two others is told by its kind, as "an array".
std::string shown(std::string_view text);
std::string shown_json(const nlohmann::json& value);

// Throws std::runtime_error: "FILE: FIELD: expected EXPECTED, got GOT".
[[noreturn]] void fail_field(const std::string& file, const std::string& field,
                             const std::string& expected, const std::string& got);

// Tokens as a file writes them, by id.
class WrittenTokens {
 public:
  // At most `most` tokens will come: ids above are gaps.
  WrittenTokens(std::string file, std::size_t most);

  // Puts a token in its place; the id. Throws std::runtime_error for an id that is none, is above
  // all that can come, or is another token's.
  std::int32_t put(const std::string& field, const std::string& token, const nlohmann::json& id);
  // All tokens; throws std::runtime_error where an id has none.
  std::vector<std::string> complete(const std::string& field) const;

 private:
  std::string file_;
  std::vector<std::string> tokens_;
  std::vector<bool> is_there_;
};

// The merge of two written tokens, from the ids of all; `field` is where it stands.
using WrittenIds = std::unordered_map<std::string, std::int32_t>;
Merge written_merge(const WrittenIds& ids, const std::string& left, const std::string& right,
                    const std::string& file, const std::string& field);

}  // namespace obverse::tokenizer
