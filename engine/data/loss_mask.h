// Which tokens a loss asks for, in a file beside a token file: X.mask beside X.bin. A format of
// this project: the header of engine/data/file_header.h with magic 0x4B53414D (the bytes "MASK")
// and version 1, then one bit a token, from the lowest bit of each byte on; bits behind the last
// token are 0. A token whose bit is 0 is read by the model and never asked of it.
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

// X.mask for X.bin.
std::filesystem::path mask_path(const std::filesystem::path& tokens);

// Memory-mapped; any number of threads may read.
class LossMask {
 public:
  // For a file of `tokens`. Throws std::runtime_error in one line that names file and field.
  LossMask(const std::filesystem::path& path, std::int64_t tokens);

  std::int64_t size() const { return size_; }
  // Of the whole file: engine/files/digest.h.
  std::string digest() const { return digest_of(file_.data(), file_.size()); }
  // 1 for each token that counts from `begin` on, else 0; as many as `to` holds. REQUIRES: they are
  // in the file.
  void read(std::int64_t begin, kernels::Span<std::uint8_t> to) const;

 private:
  MappedFile file_;
  std::int64_t size_ = 0;
};

// As TokenFileWriter.
class LossMaskWriter {
 public:
  explicit LossMaskWriter(const std::filesystem::path& path);

  // REQUIRES: each is 0 or 1; below 2^31 of them in all; else nothing is appended.
  void append(kernels::Span<const std::uint8_t> counts);
  std::int64_t size() const { return size_; }
  // REQUIRES: at least one.
  void finish();

 private:
  StagedFile file_;
  std::int64_t size_ = 0;
  std::string buffer_;
};

}  // namespace obverse::engine
