#include "engine/files/shown_json.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

namespace obverse::engine {
namespace {

using nlohmann::json;

constexpr std::size_t kMost = 80;
constexpr int kLevels = 2;

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// At most `most` bytes, and no part of a character at the end.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && is_continuation(text[most])) --most;
  return text.substr(0, most);
}

// dump() leaves DEL and U+0080 to U+009F as they are, of which some are commands to a terminal.
std::string without_controls(const std::string& text) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const unsigned char next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool is_pair = byte == 0xC2 && next >= 0x80 && next < 0xA0;
    if (!is_pair && byte != 0x7F) {
      line += text[i];
      continue;
    }
    const unsigned code = is_pair ? next : byte;
    line += std::string("\\u00") + kDigits[code / 16] + kDigits[code % 16];
    if (is_pair) ++i;
  }
  return line;
}

// May write more than kMost bytes, but not without end: the rest of a long value is left out.
void append_plain(const json& value, std::string& line) {
  const auto dumped = [](const json& plain) {
    return plain.dump(-1, ' ', false, json::error_handler_t::replace);
  };
  if (!value.is_string()) {
    line += dumped(value);
    return;
  }
  const std::string& text = value.get_ref<const std::string&>();
  line += without_controls(dumped(std::string(cut(text, kMost))));
}

void append(const json& value, int levels, std::string& line) {
  if (!value.is_structured()) {
    append_plain(value, line);
    return;
  }
  if (levels == 0) {
    line += value.is_array() ? "an array" : "an object";
    return;
  }
  line += value.is_array() ? '[' : '{';
  bool is_first = true;
  for (const auto& item : value.items()) {
    if (line.size() > kMost) return;
    if (!is_first) line += ',';
    is_first = false;
    if (value.is_object()) {
      append_plain(item.key(), line);
      line += ':';
    }
    append(item.value(), levels - 1, line);
  }
  line += value.is_array() ? ']' : '}';
}

}  // namespace

std::string shown_json(const json& value) {
  std::string line;
  append(value, kLevels, line);
  if (line.size() <= kMost) return line;
  return std::string(cut(line, kMost)) + "...";
}

std::string shown_name(const std::string& name) {
  const std::string shown = shown_json(name);
  return shown.back() == '"' ? shown.substr(1, shown.size() - 2) : shown.substr(1);
}

nlohmann::json parsed_json(std::string_view text) {
  constexpr int kMostLevels = 100;
  bool too_deep = false;
  // What the callback says no to is not kept, however much of it there is.
  const auto is_kept = [&too_deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep |= depth > kMostLevels;
    return depth <= kMostLevels;
  };
  nlohmann::json value = nlohmann::json::parse(text.begin(), text.end(), is_kept, false);
  if (too_deep) return nlohmann::json(nlohmann::json::value_t::discarded);
  return value;
}

}  // namespace obverse::engine
