// Token ids in a file, as llm.c writes them (github.com/karpathy/llm.c, dev/data/data_common.py)
// and modded-nanogpt reads them: the header of engine/data/file_header.h, then the ids, little
// endian.
//   16 bits an id: magic 20240520, version 1, what llm.c calls "gpt-2".
//   32 bits an id: magic 20240801, version 7, what llm.c calls "llama-3".
// Larger vocabularies get llm.c's second format and no version of our own: under the first magic a
// reader that looks at no version would take halves of ids for ids, while no reader of one format
// takes the other's magic.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "engine/data/file_header.h"
#include "engine/files/digest.h"
#include "engine/files/mapped_file.h"
#include "engine/files/staged_file.h"
#include "kernels/core/span.h"

namespace obverse::engine {

// Of the ids of a vocabulary: 2 or 4.
constexpr int token_bytes(std::int64_t vocabulary) { return vocabulary <= 65536 ? 2 : 4; }

// Memory-mapped; any number of threads may read. Errors in a file are a std::runtime_error of one
// line that names the file, the field, what was found and what was expected.
class TokenFile {
 public:
  // Reads the header alone. REQUIRES: 0 < vocabulary < 2^31; the file is as
  // engine/files/mapped_file.h wants it.
  TokenFile(const std::filesystem::path& path, std::int64_t vocabulary);

  const std::filesystem::path& path() const { return path_; }
  std::int64_t size() const { return size_; }  // tokens, at least one
  int id_bytes() const { return id_bytes_; }

  // The ids from `begin` on, as many as `to` holds. REQUIRES: they are in the file. Throws where
  // one is outside of the vocabulary.
  void read(std::int64_t begin, kernels::Span<std::int32_t> to) const;
  // The first place of [begin, size()) where `id` stands; size() where it does not.
  std::int64_t find(std::int32_t id, std::int64_t begin) const;
  // Reads the whole file, and throws where an id is outside of the vocabulary.
  void check_ids() const;
  // Of the whole file: engine/files/digest.h.
  std::string digest() const { return digest_of(file_.data(), file_.size()); }

 private:
  template <typename Visit>
  auto with_ids(const Visit& visit) const;
  [[noreturn]] void fail_at(std::int64_t place, std::int64_t id) const;

  std::filesystem::path path_;
  MappedFile file_;
  std::int64_t vocabulary_, size_ = 0;
  int id_bytes_ = 0;
};

// Streams ids to a file that is there once finish() returned, and else is not. Errors in writing
// are StagedFile's.
class TokenFileWriter {
 public:
  // With token_bytes(vocabulary) an id. REQUIRES: 0 < vocabulary < 2^31.
  TokenFileWriter(const std::filesystem::path& path, std::int64_t vocabulary);

  // REQUIRES: ids of at least 0 and below the vocabulary, below 2^31 of them in all; else nothing
  // is appended.
  void append(kernels::Span<const std::int32_t> ids);
  std::int64_t size() const { return size_; }
  // REQUIRES: at least one id.
  void finish();

 private:
  StagedFile file_;
  std::int64_t vocabulary_, size_ = 0;
  std::string buffer_;
};

}  // namespace obverse::engine
