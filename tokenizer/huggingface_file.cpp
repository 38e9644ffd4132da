#include "tokenizer/huggingface_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tokenizer/byte_characters.h"
#include "tokenizer/files.h"
#include "tokenizer/known_patterns.h"

namespace obverse::tokenizer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// A JSON object of the file, and where it stands there.
struct Field {
  const std::string& file;
  std::string path;
  const Json& value;

  [[noreturn]] void fail(const std::string& name, const std::string& expected,
                         const Json& got) const {
    fail_field(file, path.empty() ? name : path + "." + name, expected, shown_json(got));
  }

  const Json& at(const std::string& name) const {
    static const Json kNull;
    const auto found = value.find(name);
    return found == value.end() ? kNull : *found;
  }

  std::string text(const std::string& name) const {
    const Json& got = at(name);
    if (!got.is_string()) fail(name, "a string", got);
    return got.get<std::string>();
  }

  bool flag(const std::string& name, bool usual) const {
    const Json& got = at(name);
    if (got.is_null()) return usual;
    if (!got.is_boolean()) fail(name, "true or false", got);
    return got.get<bool>();
  }

  // Refuses what has to be off for this program to encode as others do.
  void expect_off(const std::string& name) const {
    const Json& got = at(name);
    const bool is_off = got.is_null() || got == false || got == "" || got == 0 || got == 0.0;
    if (!is_off) fail(name, "none", got);
  }

  Field object(const std::string& name) const {
    const Json& got = at(name);
    if (!got.is_object()) fail(name, "an object", got);
    return {file, path.empty() ? name : path + "." + name, got};
  }
};

// A literal text as a regular expression.
std::string escaped(const std::string& text) {
  std::string pattern;
  for (const char letter : text) {
    const bool is_sign = (letter >= '!' && letter <= '/') || (letter >= ':' && letter <= '@') ||
                         (letter >= '[' && letter <= '`') || (letter >= '{' && letter <= '~');
    if (is_sign) pattern += '\\';
    pattern += letter;
  }
  return pattern;
}

SplitRule split_rule(const Field& split) {
  const Field pattern = split.object("pattern");
  SplitRule rule;
  rule.pattern =
      pattern.value.contains("String") ? escaped(pattern.text("String")) : pattern.text("Regex");
  const std::string behavior = split.text("behavior");
  const bool inverted = split.flag("invert", false);
  // What matches is a piece either way: gaps are kept as pieces, or dropped.
  rule.drops_gaps = inverted && behavior == "Removed";
  if (!rule.drops_gaps && (behavior != "Isolated" || inverted)) {
    split.fail("behavior", "Isolated, or Removed and inverted", split.value);
  }
  return rule;
}

// Adds the rules of a pre-tokenizer; whether it maps bytes, as the last one must.
bool add_rules(const Field& field, std::vector<SplitRule>& rules) {
  const std::string type = field.text("type");
  if (type == "Sequence") {
    const Json& parts = field.at("pretokenizers");
    if (!parts.is_array()) field.fail("pretokenizers", "an array", parts);
    bool maps_bytes = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string name = "pretokenizers[" + std::to_string(i) + "]";
      if (!parts[i].is_object()) field.fail(name, "an object", parts[i]);
      if (maps_bytes) field.fail(name, "nothing behind ByteLevel", parts[i]);
      maps_bytes = add_rules({field.file, field.path + "." + name, parts[i]}, rules);
    }
    return maps_bytes;
  }
  if (type == "ByteLevel") {
    field.expect_off("add_prefix_space");
    if (field.flag("use_regex", true)) rules.push_back({std::string(kGpt2Pattern)});
    return true;
  }
  if (type == "Digits") {
    rules.push_back({field.flag("individual_digits", false) ? "\\p{N}" : "\\p{N}+"});
    return false;
  }
  if (type != "Split") field.fail("type", "ByteLevel, Split, Digits or Sequence", type);
  rules.push_back(split_rule(field));
  return false;
}

void read_added_tokens(const Field& root, WrittenTokens& written, Vocabulary& vocabulary) {
  const Json& tokens = root.at("added_tokens");
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string name = "added_tokens[" + std::to_string(i) + "]";
    if (!tokens[i].is_object()) root.fail(name, "an object", tokens[i]);
    const Field token{root.file, name, tokens[i]};
    for (const char* option : {"single_word", "lstrip", "rstrip"}) token.expect_off(option);
    const std::string content = token.text("content");
    if (content.empty()) token.fail("content", "text", content);
    const std::int32_t id = written.put(name, content, token.at("id"));
    for (const AddedToken& other : vocabulary.added) {
      if (other.id == id) token.fail("id", "one that no other added token has", token.at("id"));
    }
    vocabulary.added.push_back({id, token.flag("special", false)});
  }
}

void read_merges(const Field& model, const WrittenIds& ids, Vocabulary& vocabulary) {
  const Json& merges = model.at("merges");
  if (!merges.is_array()) model.fail("merges", "an array", merges);
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const Json& merge = merges[i];
    const std::string name = "merges[" + std::to_string(i) + "]";
    std::string left, right;
    if (merge.is_string()) {
      const auto text = merge.get<std::string>();
      const std::size_t blank = text.find(' ');
      if (blank != std::string::npos && text.find(' ', blank + 1) == std::string::npos) {
        left = text.substr(0, blank);
        right = text.substr(blank + 1);
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    }
    if (left.empty() || right.empty()) model.fail(name, "two tokens", merge);
    vocabulary.merges.push_back(written_merge(ids, left, right, model.file, "model." + name));
  }
}

void read_tokens(const Field& root, Vocabulary& vocabulary) {
  const Field model = root.object("model");
  const std::string type = model.at("type").is_null() ? "BPE" : model.text("type");
  if (type != "BPE") model.fail("type", "BPE", type);
  for (const char* option :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"}) {
    model.expect_off(option);
  }
  vocabulary.ignores_merges = model.flag("ignore_merges", false);
  const Json& added = root.at("added_tokens");
  if (!added.is_array() && !added.is_null()) root.fail("added_tokens", "an array", added);

  const Field tokens = model.object("vocab");
  WrittenTokens written(root.file, tokens.value.size() + added.size());
  WrittenIds ids;
  for (const auto& [token, id] : tokens.value.items()) {
    ids[token] = written.put(tokens.path, token, id);
  }
  read_added_tokens(root, written, vocabulary);
  read_merges(model, ids, vocabulary);

  vocabulary.tokens = written.complete(tokens.path);
  std::vector<bool> is_added(vocabulary.tokens.size(), false);
  for (const AddedToken& token : vocabulary.added) {
    is_added[static_cast<std::size_t>(token.id)] = true;
  }
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (is_added[id]) continue;
    const std::optional<std::string> bytes = bytes_of_characters(vocabulary.tokens[id]);
    if (!bytes) {
      fail_field(root.file, tokens.path, "tokens whose characters each stand for a byte",
                 shown(vocabulary.tokens[id]) + ", id " + std::to_string(id));
    }
    vocabulary.tokens[id] = *bytes;
  }
}

// Far more than any post-processor has, and far fewer than dump() can call itself for.
constexpr int kMostLevels = 64;

bool is_nested_deeper(const Json& value, int levels) {
  if (!value.is_structured()) return false;
  return levels == 0 || std::any_of(value.begin(), value.end(), [levels](const Json& part) {
           return is_nested_deeper(part, levels - 1);
         });
}

nlohmann::ordered_json byte_level(bool splits) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", splits}};
}

nlohmann::ordered_json pre_tokenizer(const std::vector<SplitRule>& rules) {
  if (rules.size() == 1 && rules[0].pattern == kGpt2Pattern) return byte_level(true);
  if (rules.empty()) return byte_level(false);
  auto parts = nlohmann::ordered_json::array();
  for (const SplitRule& rule : rules) {
    parts.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", rule.pattern}}},
                     {"behavior", rule.drops_gaps ? "Removed" : "Isolated"},
                     {"invert", rule.drops_gaps}});
  }
  parts.push_back(byte_level(false));
  return {{"type", "Sequence"}, {"pretokenizers", parts}};
}

}  // namespace

Vocabulary read_huggingface_file(const fs::path& path) {
  const std::string file = path.string();
  const Json json = read_json_object(path);
  const Field root{file, "", json};
  Vocabulary vocabulary;
  read_tokens(root, vocabulary);
  root.expect_off("normalizer");
  if (!add_rules(root.object("pre_tokenizer"), vocabulary.rules)) {
    root.fail("pre_tokenizer", "ByteLevel, alone or at the end of a Sequence",
              json.at("pre_tokenizer"));
  }
  if (is_nested_deeper(root.at("post_processor"), kMostLevels)) {
    root.fail("post_processor",
              "values nested in at most " + std::to_string(kMostLevels) + " others",
              root.at("post_processor"));
  }
  vocabulary.post_processor = root.at("post_processor").dump();
  return vocabulary;
}

void write_huggingface_file(const fs::path& path, const Vocabulary& vocabulary) {
  using Ordered = nlohmann::ordered_json;
  std::vector<bool> is_added(vocabulary.tokens.size(), false);
  auto added = Ordered::array();
  for (const AddedToken& token : vocabulary.added) {
    is_added[static_cast<std::size_t>(token.id)] = true;
    added.push_back({{"id", token.id},
                     {"content", vocabulary.tokens[static_cast<std::size_t>(token.id)]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", token.special}});
  }
  std::vector<std::string> written;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& bytes = vocabulary.tokens[id];
    written.push_back(is_added[id] ? bytes : characters_of(bytes));
  }
  // As "a b": releases before 0.20 of the library read nothing else.
  std::string merges;
  for (const Merge& merge : vocabulary.merges) {
    merges += (merges.empty() ? "" : ",\n  ") +
              json_string(written[static_cast<std::size_t>(merge.left)] + " " +
                          written[static_cast<std::size_t>(merge.right)]);
  }
  const Ordered head = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", pre_tokenizer(vocabulary.rules)},
      {"post_processor", Ordered::parse(vocabulary.post_processor)},
      {"decoder", byte_level(true)},
  };
  const Ordered model = {
      {"type", "BPE"},
      {"dropout", nullptr},
      {"unk_token", nullptr},
      {"continuing_subword_prefix", nullptr},
      {"end_of_word_suffix", nullptr},
      {"fuse_unk", false},
      {"byte_fallback", false},
      {"ignore_merges", vocabulary.ignores_merges},
  };
  // Each of the two without its closing brace, and the large tables between.
  const std::string head_text = head.dump(), model_text = model.dump();
  replace_whole(path, head_text.substr(0, head_text.size() - 1) +
                          ",\n \"model\":" + model_text.substr(0, model_text.size() - 1) +
                          ",\n \"vocab\":" + tokens_object(written) + ",\n \"merges\":[" + merges +
                          "]}}\n");
}

}  // namespace obverse::tokenizer
