// A model's weights as numbers on the host, and as a file by the names of its parameters.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/model/transformer.h"

namespace obverse::engine {

// Every element of every parameter in their order, of the master weights. REQUIRES: these are f32.
std::vector<float> parameter_values(const Transformer& model);
// Gives the model these, and where its weights are bf16 their roundings, too.
void set_parameter_values(const Transformer& model, const std::vector<float>& values);

// Writes every parameter in f32 to a safetensors file, atomically. Throws std::runtime_error, one
// line, where it cannot be written.
void save_weights(const Transformer& model, const std::filesystem::path& path,
                  const std::map<std::string, std::string>& metadata = {});

// Reads them back, in f32, f16 or bf16, and returns the file's metadata. Throws std::runtime_error,
// one line that names file and tensor, where one is missing, left over, or of another type or shape
// than the model's; the model is then as it was.
std::map<std::string, std::string> load_weights(const Transformer& model,
                                                const std::filesystem::path& path);

// What AdamW keeps of every parameter: first and second moments [parameter_count] f32, each
// parameter's under its name and ".first_moment" or ".second_moment". Errors as above.
void save_moments(const Transformer& model, const Tensor& first, const Tensor& second,
                  const std::filesystem::path& path);
void load_moments(const Transformer& model, const Tensor& first, const Tensor& second,
                  const std::filesystem::path& path);

}  // namespace obverse::engine
