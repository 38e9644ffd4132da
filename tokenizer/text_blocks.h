// Texts of any size, a block at a time: files, or documents within files.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"

namespace obverse::tokenizer {

// What a document is: a whole file; a line; lines between blank ones (of spaces and tabs alone);
// the string "text" of a JSON object a line, or its "prompt" and then its "completion". The line
// end behind a document is not of it.
enum class DocumentKind { file, line, blank_line, jsonl, prompt_completion };

// Whether each line is a JSON object.
inline bool is_json(DocumentKind kind) {
  return kind == DocumentKind::jsonl || kind == DocumentKind::prompt_completion;
}

struct TextFile {
  std::filesystem::path path;  // "-" for standard input
  DocumentKind kind = DocumentKind::file;

  std::string name() const { return path == "-" ? "standard input" : path.string(); }
};

// `input` itself, or the files below a folder whose names end with `extension`, by name. Throws
// std::runtime_error, one line, where nothing is there.
std::vector<std::filesystem::path> text_paths(const std::filesystem::path& input,
                                              const std::string& extension);

// What the reader gives out: some documents, or, of a file that is one document, a part.
struct Block {
  const TextFile* file = nullptr;
  std::string bytes;
  std::size_t first_line = 1;
  bool ends_file = false;
};

// A document, or a part of one. Tokens never stand across parts of which one is asked.
struct TextPart {
  std::string_view text;
  bool ends_document = true;
  bool asked = true;  // a prompt is read alone: no loss asks for it
};

// Calls emit(part) for all of a block's documents, in order. Throws std::runtime_error, one line
// that names file and line, for a line that should be a JSON object with certain strings and is
// not.
void for_each_document(const Block& block, const std::function<void(const TextPart& part)>& emit);

// Where a file that is one document may be cut into blocks: nowhere; where the rules of GPT-2 and
// GPT-4 are not affected (Pretokenizer::last_cut); there, and elsewhere where there is no such
// place in 16 MiB.
enum class FileCuts { none, harmless, harmless_or_any };

// Not for several threads at a time.
class BlockReader {
 public:
  static constexpr std::size_t kUsualBytes = std::size_t{1} << 20;

  // Blocks have about `block_bytes`, the same whoever reads; none is cut within one of `whole`.
  BlockReader(std::vector<TextFile> files, FileCuts cuts, AddedTokens whole = {},
              std::size_t block_bytes = kUsualBytes);
  ~BlockReader();
  BlockReader(const BlockReader&) = delete;
  BlockReader& operator=(const BlockReader&) = delete;

  // The next block; false at the end. Throws std::runtime_error, one line, where a file cannot be
  // read.
  bool next(Block& block);

  // From any thread.
  std::uint64_t bytes_read() const { return bytes_read_; }
  // Of all files whose sizes are known.
  std::uint64_t bytes_expected() const { return bytes_expected_; }

 private:
  void open();
  void read_up_to(std::size_t bytes);
  std::size_t cut(std::string_view text) const;
  std::size_t cut_of_file(std::string_view text) const;

  std::vector<TextFile> files_;
  FileCuts cuts_;
  AddedTokens whole_;
  std::size_t block_bytes_;
  std::size_t next_file_ = 0;
  int opened_ = -1;
  bool at_end_ = false;
  std::string rest_;  // read and not yet given out
  std::size_t line_ = 1;
  std::atomic<std::uint64_t> bytes_read_{0};
  std::uint64_t bytes_expected_ = 0;
};

}  // namespace obverse::tokenizer
