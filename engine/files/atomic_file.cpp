#include "engine/files/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
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
  const auto fail = [&] {
    throw std::runtime_error(path.string() + ": cannot be read: " + std::strerror(errno));
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) fail();
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) fail();
  return text.str();
}

}  // namespace obverse::engine
