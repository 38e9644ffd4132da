#include "tokenizer/gpt2_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tokenizer/byte_characters.h"
#include "tokenizer/files.h"
#include "tokenizer/known_patterns.h"

namespace obverse::tokenizer {
namespace {

namespace fs = std::filesystem;

struct Names {
  const char *merges, *tokens;
};
constexpr Names kNames[] = {{"vocab.bpe", "encoder.json"}, {"merges.txt", "vocab.json"}};

bool looks_special(const std::string& token) {
  return token.size() > 2 && ((token.front() == '<' && token.back() == '>') ||
                              (token.front() == '[' && token.back() == ']'));
}

std::vector<Merge> read_merges(const fs::path& path, const WrittenIds& ids) {
  const std::string text = read_whole(path);
  if (text.empty() || text.back() != '\n') {
    throw std::runtime_error(path.string() + ": expected lines that all end, got " +
                             (text.empty() ? "an empty file" : "a last line that is cut short"));
  }
  std::vector<Merge> merges;
  std::size_t number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || (number == 1 && line.rfind("#version", 0) == 0)) continue;
    const std::string field = "line " + std::to_string(number);
    const std::size_t blank = line.find(' ');
    if (blank == std::string::npos || line.find(' ', blank + 1) != std::string::npos) {
      fail_field(path.string(), field, "two tokens with a blank between", shown(line));
    }
    merges.push_back(
        written_merge(ids, line.substr(0, blank), line.substr(blank + 1), path.string(), field));
  }
  return merges;
}

}  // namespace

std::optional<Gpt2Files> gpt2_files_of(const fs::path& path) {
  for (const Names& names : kNames) {
    if (path.filename() == names.merges || path.filename() == names.tokens) {
      return Gpt2Files{path.parent_path() / names.merges, path.parent_path() / names.tokens};
    }
  }
  return std::nullopt;
}

Vocabulary read_gpt2_files(const Gpt2Files& files) {
  const std::string file = files.tokens.string();
  const nlohmann::json json = read_json_object(files.tokens);
  WrittenTokens written(file, json.size());
  WrittenIds ids;
  for (const auto& [token, id] : json.items()) ids[token] = written.put("object", token, id);
  const std::vector<std::string> tokens = written.complete("object");

  Vocabulary vocabulary;
  vocabulary.rules = {{std::string(kGpt2Pattern)}};
  vocabulary.merges = read_merges(files.merges, ids);
  std::vector<bool> is_made(tokens.size(), false);
  for (const Merge& merge : vocabulary.merges) {
    is_made[static_cast<std::size_t>(merge.result)] = true;
  }
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::optional<std::string> bytes = bytes_of_characters(tokens[id]);
    if (bytes && (bytes->size() == 1 || is_made[id])) {
      vocabulary.tokens.push_back(*bytes);
    } else if (looks_special(tokens[id])) {
      vocabulary.added.push_back({static_cast<std::int32_t>(id), true});
      vocabulary.tokens.push_back(tokens[id]);
    } else if (!bytes) {
      fail_field(file, "id " + std::to_string(id), "a token whose characters each stand for a byte",
                 shown(tokens[id]));
    } else {
      fail_field(file, "id " + std::to_string(id),
                 "a byte, what a line of " + files.merges.filename().string() +
                     " makes, or a special token as <...>",
                 shown(tokens[id]));
    }
  }
  return vocabulary;
}

void write_gpt2_files(const fs::path& folder, const Vocabulary& vocabulary) {
  if (vocabulary.rules.size() != 1 || vocabulary.rules[0].pattern != kGpt2Pattern ||
      vocabulary.ignores_merges) {
    throw std::invalid_argument(
        "[tokenizer] expected GPT-2's pre-token rules, which are all that vocab.bpe can hold, got "
        "others; tokenizer.json holds any");
  }
  std::vector<bool> is_added(vocabulary.tokens.size(), false);
  for (const AddedToken& token : vocabulary.added) {
    const std::string& text = vocabulary.tokens[static_cast<std::size_t>(token.id)];
    if (!token.special || !looks_special(text)) {
      throw std::invalid_argument(
          "[tokenizer] expected special tokens as <...> or [...], which are all that encoder.json "
          "can hold, got " +
          shown(text) + "; tokenizer.json holds any");
    }
    is_added[static_cast<std::size_t>(token.id)] = true;
  }
  std::vector<std::string> written;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& bytes = vocabulary.tokens[id];
    written.push_back(is_added[id] ? bytes : characters_of(bytes));
  }
  std::string merges = "#version: 0.2\n";
  for (const Merge& merge : vocabulary.merges) {
    merges += written[static_cast<std::size_t>(merge.left)] + " " +
              written[static_cast<std::size_t>(merge.right)] + "\n";
  }
  replace_whole(folder / "encoder.json", tokens_object(written));
  replace_whole(folder / "vocab.bpe", merges);
}

}  // namespace obverse::tokenizer
