#include "tokenizer/text_blocks.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "tokenizer/files.h"
#include "tokenizer/jsonl.h"
#include "tokenizer/pretokenizer.h"

namespace obverse::tokenizer {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_to_read(const std::string& name, int error) {
  throw std::runtime_error(name + ": cannot be read: " + std::strerror(error));
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// Calls emit(line without its end, number of bytes with it) for each line.
template <typename Emit>
void for_each_line(std::string_view text, Emit emit) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t whole = end == std::string_view::npos ? text.size() : end + 1;
    std::string_view line = text.substr(0, std::min(end, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    emit(line, whole);
    text.remove_prefix(whole);
  }
}

// Behind the last blank line of `text`, or 0.
std::size_t behind_blank_line(std::string_view text) {
  for (std::size_t end = text.rfind('\n'); end != std::string_view::npos && end > 0;) {
    const std::size_t before = text.rfind('\n', end - 1);
    if (before == std::string_view::npos) break;
    if (is_blank(text.substr(before + 1, end - before - 1))) return end + 1;
    end = before;
  }
  return 0;
}

}  // namespace

std::vector<fs::path> text_paths(const fs::path& input, const std::string& extension) {
  if (input == "-") return {input};
  switch (file_type(input)) {
    case fs::file_type::not_found:
      throw std::runtime_error(input.string() + ": expected a file or folder, got nothing there");
    case fs::file_type::directory:
      break;
    default:
      return {input};
  }
  std::vector<fs::path> paths;
  std::error_code error;
  fs::recursive_directory_iterator entry(input, error);
  if (error) fail_to_read(input.string(), error.value());
  while (entry != fs::recursive_directory_iterator()) {
    const fs::path path = entry->path();
    const std::string name = path.filename().string();
    const bool fits =
        name.size() >= extension.size() &&
        name.compare(name.size() - extension.size(), extension.size(), extension) == 0;
    if (fits && file_type(path) == fs::file_type::regular) paths.push_back(path);
    entry.increment(error);  // opens the folder that `path` is
    if (error) fail_to_read(path.string(), error.value());
  }
  if (paths.empty()) {
    throw std::runtime_error(input.string() + ": expected files *" + extension +
                             " in the folder or below, got none");
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void for_each_document(const Block& block, const std::function<void(const TextPart&)>& emit) {
  const std::string_view text = block.bytes;
  switch (block.file->kind) {
    case DocumentKind::file:
      emit({text, block.ends_file});
      break;
    case DocumentKind::line:
      for_each_line(text, [&emit](std::string_view line, std::size_t) { emit({line}); });
      break;
    case DocumentKind::blank_line: {
      std::size_t at = 0, begin = 0, end = 0;  // of the document so far: empty for none
      const auto finish = [&] {
        if (end > begin) emit({text.substr(begin, end - begin)});
        begin = end = at;
      };
      for_each_line(text, [&](std::string_view line, std::size_t bytes) {
        if (is_blank(line)) {
          finish();
          begin = end = at + bytes;
        } else {
          end = at + line.size();
        }
        at += bytes;
      });
      finish();
      break;
    }
    case DocumentKind::jsonl:
    case DocumentKind::prompt_completion: {
      std::size_t number = block.first_line;
      for_each_line(text, [&](std::string_view line, std::size_t) {
        const std::string where = block.file->name() + ": line " + std::to_string(number);
        if (block.file->kind == DocumentKind::jsonl) {
          emit({jsonl_text(line, where)});
        } else {
          const PromptAndCompletion parts = jsonl_prompt_and_completion(line, where);
          emit({parts.prompt, false, false});
          emit({parts.completion});
        }
        ++number;
      });
      break;
    }
  }
}

BlockReader::BlockReader(std::vector<TextFile> files, FileCuts cuts, AddedTokens whole,
                         std::size_t block_bytes)
    : files_(std::move(files)), cuts_(cuts), whole_(std::move(whole)), block_bytes_(block_bytes) {
  for (const TextFile& file : files_) {
    std::error_code error;
    const auto bytes = file.path == "-" ? 0 : fs::file_size(file.path, error);
    if (!error) bytes_expected_ += bytes;
  }
}

BlockReader::~BlockReader() {
  if (opened_ > 0) ::close(opened_);
}

void BlockReader::open() {
  const TextFile& file = files_[next_file_];
  opened_ = file.path == "-" ? 0 : ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (opened_ < 0) fail_to_read(file.name(), errno);
  ++next_file_;
  at_end_ = false;
  line_ = 1;
}

void BlockReader::read_up_to(std::size_t bytes) {
  std::size_t size = rest_.size();
  rest_.resize(std::max(size, bytes));
  while (!at_end_ && size < bytes) {
    const ssize_t count = ::read(opened_, rest_.data() + size, bytes - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_to_read(files_[next_file_ - 1].name(), errno);
    at_end_ = count == 0;
    size += static_cast<std::size_t>(count);
    bytes_read_ += static_cast<std::uint64_t>(count);
  }
  rest_.resize(size);
}

std::size_t BlockReader::cut_of_file(std::string_view text) const {
  constexpr std::size_t kMost = std::size_t{16} << 20;
  if (cuts_ == FileCuts::none) return 0;
  std::size_t place = text.size();
  do {
    place = Pretokenizer::last_cut(text, place - 1);
  } while (place > 1 && whole_.stands_across(text, place));
  if (place > 1 || cuts_ == FileCuts::harmless || text.size() < kMost) return place > 1 ? place : 0;
  // A run of invalid bytes may go on for ever; of a valid character there are three at most.
  place = text.size() - 1;
  while (place > text.size() - 4 && (static_cast<unsigned char>(text[place]) & 0xC0) == 0x80) {
    --place;
  }
  return place;
}

std::size_t BlockReader::cut(std::string_view text) const {
  switch (files_[next_file_ - 1].kind) {
    case DocumentKind::file:
      return cut_of_file(text);
    case DocumentKind::blank_line:
      return behind_blank_line(text);
    case DocumentKind::line:
    case DocumentKind::jsonl:
    case DocumentKind::prompt_completion:
      return text.rfind('\n') + 1;  // npos + 1 is 0
  }
  return 0;
}

bool BlockReader::next(Block& block) {
  while (true) {
    if (opened_ < 0) {
      if (next_file_ == files_.size()) return false;
      open();
    }
    std::size_t bytes = block_bytes_, place = 0;
    while (place == 0) {
      read_up_to(bytes);
      place = at_end_ ? rest_.size() : cut(rest_);
      if (at_end_) break;
      bytes = 2 * rest_.size();
    }
    block.file = &files_[next_file_ - 1];
    block.first_line = line_;
    block.ends_file = at_end_;
    std::string behind = rest_.substr(place);
    rest_.resize(place);
    block.bytes = std::move(rest_);
    rest_ = std::move(behind);
    if (is_json(block.file->kind)) {  // the kinds whose messages name lines
      line_ += static_cast<std::size_t>(std::count(block.bytes.begin(), block.bytes.end(), '\n'));
    }
    if (at_end_) {
      if (opened_ > 0) ::close(opened_);
      opened_ = -1;
    }
    // An empty file is an empty document; no lines are none.
    if (!block.bytes.empty() || block.file->kind == DocumentKind::file) return true;
  }
}

}  // namespace obverse::tokenizer
