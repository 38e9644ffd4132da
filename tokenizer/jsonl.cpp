#include "tokenizer/jsonl.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tokenizer/files.h"
#include "tokenizer/utf8.h"

namespace obverse::tokenizer {
namespace {

// The members of an object, in the order of `names`.
template <std::size_t count>
std::array<nlohmann::json, count> members(std::string_view line, const std::string& where,
                                          const std::array<const char*, count>& names) {
  std::string expected = "a JSON object with ";
  for (const char* name : names) {
    expected += (name == names.front() ? "\"" : " and \"") + std::string(name) + "\"";
  }
  nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (json.is_discarded()) {
    throw std::runtime_error(where + ": expected " + expected + ", got " + shown(line) +
                             (valid_prefix(line) == line.size() ? "" : ", which is no UTF-8"));
  }
  const bool all =
      json.is_object() && std::all_of(names.begin(), names.end(),
                                      [&json](const char* name) { return json.contains(name); });
  if (!all)
    throw std::runtime_error(where + ": expected " + expected + ", got " + shown_json(json));
  std::array<nlohmann::json, count> found;
  for (std::size_t i = 0; i < count; ++i) found[i] = std::move(json[names[i]]);
  return found;
}

std::string string_of(nlohmann::json& json, const std::string& where, const char* name) {
  if (!json.is_string()) {
    throw std::runtime_error(where + ": expected \"" + name + "\" to be a string, got " +
                             shown_json(json));
  }
  return std::move(json.get_ref<std::string&>());
}

}  // namespace

std::string jsonl_text(std::string_view line, const std::string& where) {
  auto [text] = members<1>(line, where, {"text"});
  return string_of(text, where, "text");
}

PromptAndCompletion jsonl_prompt_and_completion(std::string_view line, const std::string& where) {
  auto [prompt, completion] = members<2>(line, where, {"prompt", "completion"});
  return {string_of(prompt, where, "prompt"), string_of(completion, where, "completion")};
}

std::vector<std::int32_t> jsonl_ids(std::string_view line, const std::string& where) {
  const auto [ids] = members<1>(line, where, {"ids"});
  if (!ids.is_array()) {
    throw std::runtime_error(where + ": expected \"ids\" to be an array, got " + shown_json(ids));
  }
  std::vector<std::int32_t> numbers;
  for (const nlohmann::json& id : ids) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > INT32_MAX) {
      throw std::runtime_error(where + ": expected \"ids\" to hold ids, got " + shown_json(id));
    }
    numbers.push_back(id.get<std::int32_t>());
  }
  return numbers;
}

std::string text_line(std::string_view text, const std::string& where) {
  const std::size_t valid = valid_prefix(text);
  if (valid != text.size()) {
    throw std::runtime_error(where + ": expected ids of UTF-8, which JSON can hold, got a text " +
                             "that is none from byte " + std::to_string(valid) + " on");
  }
  return nlohmann::json{{"text", text}}.dump();
}

std::string ids_line(const std::int32_t* ids, std::size_t count) {
  std::string line = "{\"ids\": [";
  char digits[16];
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) line += ", ";
    line.append(digits, std::to_chars(digits, digits + sizeof digits, ids[i]).ptr);
  }
  return line + "]}";
}

}  // namespace obverse::tokenizer
