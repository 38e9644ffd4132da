// The header that files of tokens, and of masks beside them, start with: 256 little-endian 32-bit
// integers, of which the first three are a magic number, a version and a count of tokens. The rest
// is written as zeros and not read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>

#include "engine/files/mapped_file.h"

namespace obverse::engine {

struct FileHeader {
  std::int32_t magic = 0, version = 0, count = 0;
};
inline constexpr std::int64_t kHeaderBytes = 256 * 4;
// What the count can say.
inline constexpr std::int64_t kMostFileTokens = (std::int64_t{1} << 31) - 1;

std::string header_bytes(const FileHeader& header);
// Throws std::runtime_error, one line, where the file is shorter than a header.
FileHeader read_header(const std::filesystem::path& path, const MappedFile& file);
// Throws std::runtime_error, one line, unless the count is above 0 and what stands behind the
// header are the `body_bytes` that so many tokens take.
void check_body(const std::filesystem::path& path, const MappedFile& file, std::int64_t count,
                std::int64_t body_bytes);

template <typename... Parts>
[[noreturn]] void fail_in_file(const std::filesystem::path& path, const Parts&... parts) {
  std::ostringstream message;
  message << path.string() << ": ";
  (message << ... << parts);
  throw std::runtime_error(message.str());
}

}  // namespace obverse::engine
