// A file's bytes in memory, read by the kernel as they are touched. REQUIRES: nobody shortens the
// file meanwhile (what is replaced by renaming stays as it was); reading past its end would be a
// bus error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>

namespace obverse::engine {

class MappedFile {
 public:
  // Throws std::runtime_error in one line that names the file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  const std::byte* data() const { return data_; }  // at the start of a page
  std::int64_t size() const { return size_; }

 private:
  const std::byte* data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace obverse::engine
