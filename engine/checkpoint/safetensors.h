// Files of named tensors in the safetensors format (https://huggingface.co/docs/safetensors): eight
// bytes that say how long the header is, a JSON header that names type, shape and place of every
// tensor, then their elements, row by row, in little-endian order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace obverse::engine {

struct StoredTensor {
  std::string type;  // "F32", "F16", "BF16", "F64", "I32", ... as the format names it
  std::vector<std::int64_t> shape;
  std::string bytes;  // of all elements
};

struct TensorFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, StoredTensor> tensors;  // by name
};

// Writes the file atomically. Throws std::runtime_error where it cannot be written,
// std::invalid_argument where a tensor's bytes do not fit its type and shape.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

// Throws std::runtime_error in one line that names the file, the field, what was found and what was
// expected: a file shorter than its header says, a header that is no JSON or longer than 100 MB,
// an unknown type, tensors that overlap, leave gaps, end behind the file, or whose bytes do not fit
// type and shape.
TensorFile read_safetensors(const std::filesystem::path& path);

}  // namespace obverse::engine
