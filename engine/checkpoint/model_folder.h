// A model as a folder that Hugging Face's libraries read, too: model.safetensors (or several files
// and model.safetensors.index.json), config.json, and its tokenizer's files beside them.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/model/transformer.h"

namespace obverse::engine {

// Writes model.safetensors, in f32 from the master weights, and config.json, which takes all fields
// of `more` besides. Throws std::runtime_error, one line, where they cannot be written.
void save_model(const Transformer& model, const std::filesystem::path& folder,
                const nlohmann::json& more = nlohmann::json::object());

struct LoadedModel {
  std::unique_ptr<Transformer> model;
  nlohmann::json config;  // config.json as it is
};

// Reads what save_model() wrote, or published models of GPT-2's or Llama's shape in f32, f16 or
// bf16. Throws std::runtime_error, one line that names file and field, for what is missing,
// damaged, or not what this engine computes.
LoadedModel load_model(const std::filesystem::path& folder, const Device& device,
                       DType dtype = DType::f32);

// The architecture alone, and config.json.
TransformerConfig read_model_config(const std::filesystem::path& folder, nlohmann::json& config);

// Gives `model` the weights of such a folder. The model is as it was where it throws.
void load_model_weights(const Transformer& model, const std::filesystem::path& folder);

}  // namespace obverse::engine
