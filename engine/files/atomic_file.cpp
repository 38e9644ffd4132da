#include "engine/files/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "engine/files/staged_file.h"

namespace obverse::engine {

namespace fs = std::filesystem;

void write_atomically(const fs::path& path, std::string_view text) {
  StagedFile file(path);
  file.write(text);
  file.finish();
}

std::string read_file(const fs::path& path) {
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
  if (count < 0) {
    throw std::runtime_error(path.string() + ": cannot be read: " + std::strerror(error));
  }
  text.resize(size);
  return text;
}

}  // namespace obverse::engine
