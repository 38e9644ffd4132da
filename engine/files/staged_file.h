// A file that is there whole or not at all, whatever kills the program: written beside its place as
// PATH.part, synced and renamed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace obverse::engine {

class StagedFile {
 public:
  // Errors, here and below, are a std::runtime_error of one line that names `path`; nothing of the
  // new file is left, and an old one is untouched.
  explicit StagedFile(const std::filesystem::path& path);
  // Leaves nothing behind, unless finish() returned.
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  void write(std::string_view bytes);  // behind what was written
  // Over what was written. REQUIRES: it reaches no further.
  void write_at(std::int64_t offset, std::string_view bytes);
  // Nothing may be written any more.
  void finish();

 private:
  [[noreturn]] void fail(int error);
  void discard();

  std::filesystem::path path_, part_;
  int file_ = -1;
};

// The names in a folder are on disk when this returns, where the file system can say so.
void sync_folder(const std::filesystem::path& folder);

// Writes all of `bytes` to an open file; false where the disk took less, errno tells why.
bool write_all(int file, std::string_view bytes);

}  // namespace obverse::engine
