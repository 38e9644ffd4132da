#include "tokenizer/jsonl.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tokenizer/files.h"
#include "tokenizer/utf8.h"

namespace obverse::tokenizer {
namespace {

nlohmann::json member(std::string_view line, const std::string& where, const std::string& name) {
  const std::string expected = "a JSON object with \"" + name + "\"";
  nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (json.is_discarded()) {
    throw std::runtime_error(where + ": expected " + expected + ", got " + shown(line) +
                             (valid_prefix(line) == line.size() ? "" : ", which is no UTF-8"));
  }
  const auto found = json.is_object() ? json.find(name) : json.end();
  if (found == json.end()) {
    throw std::runtime_error(where + ": expected " + expected + ", got " + shown_json(json));
  }
  return std::move(*found);
}

}  // namespace

std::string jsonl_text(std::string_view line, const std::string& where) {
  nlohmann::json text = member(line, where, "text");
  if (!text.is_string()) {
    throw std::runtime_error(where + ": expected \"text\" to be a string, got " + shown_json(text));
  }
  return std::move(text.get_ref<std::string&>());
}

std::vector<std::int32_t> jsonl_ids(std::string_view line, const std::string& where) {
  const nlohmann::json ids = member(line, where, "ids");
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
