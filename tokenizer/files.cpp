#include "tokenizer/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace obverse::tokenizer {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_at(const fs::path& path, const std::string& what, int error) {
  throw std::runtime_error(path.string() + ": " + what + ": " + std::strerror(error));
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

constexpr std::size_t kMost = 48;

void append_short(std::string_view text, std::string& line) {
  for (const char letter : text.substr(0, kMost)) {
    // Bytes that are no ASCII could be cut in two, or be no UTF-8 at all.
    line += letter >= ' ' && letter != '\x7F' ? letter : '.';
  }
  if (text.size() > kMost) line += "...";
}

// The beginning of a value, more than kMost bytes of it where it has them; what is nested in
// `levels` others is told by its kind. dump() calls itself for each level, which ends the program
// where brackets are nested deeply.
void append_json(const nlohmann::json& value, int levels, std::string& text) {
  const auto dumped = [](const nlohmann::json& plain) {
    return plain.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  if (!value.is_structured()) {
    text += dumped(value);
  } else if (levels == 0) {
    text += value.is_array() ? "an array" : "an object";
  } else {
    text += value.is_array() ? '[' : '{';
    const char* separator = "";
    for (const auto& item : value.items()) {
      if (text.size() > kMost) return;
      text += separator;
      separator = ",";
      if (value.is_object()) text += dumped(item.key()) + ":";
      append_json(item.value(), levels - 1, text);
    }
    text += value.is_array() ? ']' : '}';
  }
}

}  // namespace

fs::file_type file_type(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  if (type == fs::file_type::none) fail_at(path, "cannot be read", error.value());
  return type;
}

std::string read_whole(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  // A stream would take a folder, and a file whose disk fails midway, for one that ends there.
  std::string text;
  std::size_t size = 0;
  ssize_t count = file < 0 ? -1 : 1;
  while (count > 0) {
    if (size == text.size()) text.resize(std::max<std::size_t>(2 * size, 1 << 16));
    do {
      count = ::read(file, text.data() + size, text.size() - size);
    } while (count < 0 && errno == EINTR);
    if (count > 0) size += static_cast<std::size_t>(count);
  }
  const int error = errno;
  if (file >= 0) ::close(file);
  if (count < 0) fail_at(path, "cannot be read", error);
  text.resize(size);
  return text;
}

void replace_whole(const fs::path& path, std::string_view text) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (error) fail_at(path.parent_path(), "cannot be made", error.value());
  const fs::path temporary = path.string() + ".part";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail_at(path, "cannot be written", errno);
  const bool written = write_all(file, text) && ::fsync(file) == 0;
  int number = errno;
  ::close(file);
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    if (written) number = errno;
    ::unlink(temporary.c_str());
    fail_at(path, "cannot be written", number);
  }
  // The name of a file is on disk only once its folder is.
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened >= 0) {
    ::fsync(opened);
    ::close(opened);
  }
}

nlohmann::json read_json_object(const fs::path& path) {
  const std::string text = read_whole(path);
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    throw std::runtime_error(path.string() + ": expected a whole JSON object, got " + shown(text) +
                             " of " + std::to_string(text.size()) + " bytes");
  }
  if (!json.is_object()) {
    throw std::runtime_error(path.string() + ": expected a JSON object, got " + shown_json(json));
  }
  return json;
}

std::string json_string(std::string_view text) { return nlohmann::json(text).dump(); }

std::string tokens_object(const std::vector<std::string>& written) {
  std::string object = "{";
  for (std::size_t id = 0; id < written.size(); ++id) {
    if (id > 0) object += ',';
    object += json_string(written[id]) + ":" + std::to_string(id);
  }
  return object + "}";
}

std::string shown(std::string_view text) {
  std::string line(1, '\'');
  append_short(text, line);
  line += '\'';
  return line;
}

std::string shown_json(const nlohmann::json& value) {
  std::string text, line;
  append_json(value, 2, text);
  append_short(text, line);
  return line;
}

void fail_field(const std::string& file, const std::string& field, const std::string& expected,
                const std::string& got) {
  throw std::runtime_error(file + ": " + field + ": expected " + expected + ", got " + got);
}

WrittenTokens::WrittenTokens(std::string file, std::size_t most)
    : file_(std::move(file)), tokens_(most), is_there_(most, false) {}

std::int32_t WrittenTokens::put(const std::string& field, const std::string& token,
                                const nlohmann::json& id) {
  const auto name = [&] { return field + ": token " + shown(token); };
  const bool is_id = id.is_number_unsigned() && id.get<std::uint64_t>() < tokens_.size() &&
                     tokens_.size() <= INT32_MAX;
  if (!is_id) {
    fail_field(file_, name(),
               "an id from 0 to " + std::to_string(static_cast<std::int64_t>(tokens_.size()) - 1) +
                   " without gaps",
               shown_json(id));
  }
  const auto at = id.get<std::size_t>();
  if (is_there_[at] && tokens_[at] != token) {
    fail_field(file_, name(), "an id of its own",
               std::to_string(at) + ", that of " + shown(tokens_[at]));
  }
  tokens_[at] = token;
  is_there_[at] = true;
  return static_cast<std::int32_t>(at);
}

std::vector<std::string> WrittenTokens::complete(const std::string& field) const {
  const auto last = std::find(is_there_.rbegin(), is_there_.rend(), true);
  const auto size = static_cast<std::size_t>(is_there_.rend() - last);
  const auto gap = static_cast<std::size_t>(
      std::find(is_there_.begin(), is_there_.begin() + static_cast<std::ptrdiff_t>(size), false) -
      is_there_.begin());
  if (gap != size) {
    fail_field(file_, field, "a token for each id up to " + std::to_string(size - 1),
               "none for " + std::to_string(gap));
  }
  return {tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(size)};
}

Merge written_merge(const WrittenIds& ids, const std::string& left, const std::string& right,
                    const std::string& file, const std::string& field) {
  const auto id = [&](const std::string& token, const char* part) {
    const auto found = ids.find(token);
    if (found == ids.end()) {
      fail_field(file, field, std::string(part) + " to be a token of the vocabulary", shown(token));
    }
    return found->second;
  };
  return {id(left, "the left part"), id(right, "the right part"), id(left + right, "the result")};
}

}  // namespace obverse::tokenizer
