#include "engine/data/file_header.h"

#include <bit>
#include <cstring>

namespace obverse::engine {

static_assert(std::endian::native == std::endian::little, "files hold little-endian numbers");

std::string header_bytes(const FileHeader& header) {
  std::string bytes(static_cast<std::size_t>(kHeaderBytes), '\0');
  const std::int32_t fields[] = {header.magic, header.version, header.count};
  std::memcpy(bytes.data(), fields, sizeof(fields));
  return bytes;
}

FileHeader read_header(const std::filesystem::path& path, const MappedFile& file) {
  if (file.size() < kHeaderBytes) {
    fail_in_file(path, "header: expected ", kHeaderBytes, " bytes, found ", file.size());
  }
  std::int32_t fields[3];
  std::memcpy(fields, file.data(), sizeof(fields));
  return {fields[0], fields[1], fields[2]};
}

void check_body(const std::filesystem::path& path, const MappedFile& file, std::int64_t count,
                std::int64_t body_bytes) {
  if (count <= 0) fail_in_file(path, "count: expected at least one token, found ", count);
  if (file.size() - kHeaderBytes != body_bytes) {
    fail_in_file(path, "body: expected ", body_bytes, " bytes for the count of ", count,
                 " tokens, found ", file.size() - kHeaderBytes);
  }
}

}  // namespace obverse::engine
