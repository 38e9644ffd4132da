// A model's weights as a file, by the names of its parameters.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/model/transformer.h"

namespace obverse::engine {

// Writes every parameter in f32 to a safetensors file, atomically. Throws std::runtime_error, one
// line, where it cannot be written.
void save_weights(const Transformer& model, const std::filesystem::path& path,
                  const std::map<std::string, std::string>& metadata = {});

// Reads them back, and returns the file's metadata. Throws std::runtime_error, one line that names
// file and tensor, where one is missing, left over, or of another type or shape than the model's;
// the model is then as it was. REQUIRES: the model is f32.
std::map<std::string, std::string> load_weights(const Transformer& model,
                                                const std::filesystem::path& path);

}  // namespace obverse::engine
