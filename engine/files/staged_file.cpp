#include "engine/files/staged_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace obverse::engine {

namespace fs = std::filesystem;

// The name of a file is on disk only once its folder is.
void sync_folder(const fs::path& folder) {
  const int file = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (file >= 0) {
    ::fsync(file);
    ::close(file);
  }
}

bool write_all(int file, std::string_view bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = ::write(file, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    written += static_cast<std::size_t>(count);
  }
  return true;
}

StagedFile::StagedFile(const fs::path& path) : path_(path), part_(path.string() + ".part") {
  file_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) fail(errno);
}

StagedFile::~StagedFile() { discard(); }

void StagedFile::discard() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(part_.c_str());
  file_ = -1;
}

void StagedFile::fail(int error) {
  discard();
  throw std::runtime_error(path_.string() + ": cannot be written: " + std::strerror(error));
}

void StagedFile::write(std::string_view bytes) {
  if (!write_all(file_, bytes)) fail(errno);
}

void StagedFile::write_at(std::int64_t offset, std::string_view bytes) {
  if (::lseek(file_, static_cast<off_t>(offset), SEEK_SET) < 0 || !write_all(file_, bytes) ||
      ::lseek(file_, 0, SEEK_END) < 0) {
    fail(errno);
  }
}

void StagedFile::finish() {
  if (::fsync(file_) != 0 || ::rename(part_.c_str(), path_.c_str()) != 0) fail(errno);
  ::close(file_);
  file_ = -1;
  sync_folder(path_.parent_path());
}

}  // namespace obverse::engine
