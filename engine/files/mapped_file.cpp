#include "engine/files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace obverse::engine {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const auto fail = [&](int error) {
    throw std::runtime_error(path.string() + ": cannot be read: " + std::strerror(error));
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(errno);
  struct stat status {};
  int error = ::fstat(file, &status) == 0 ? 0 : errno;
  if (error == 0 && !S_ISREG(status.st_mode)) error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
  // Nothing can be mapped of an empty file.
  if (error == 0 && status.st_size > 0) {
    void* const mapped =
        ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED) {
      error = errno;
    } else {
      data_ = static_cast<const std::byte*>(mapped);
      size_ = static_cast<std::int64_t>(status.st_size);
    }
  }
  ::close(file);
  if (error != 0) fail(error);
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  ::munmap(const_cast<std::byte*>(data_), static_cast<std::size_t>(size_));
}

}  // namespace obverse::engine
