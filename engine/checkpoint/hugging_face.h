// The layouts of Hugging Face's transformers library for models of GPT-2's and of Llama's shape:
// names and shapes of tensors, and the fields of config.json. Other architectures have no class
// there; they are kept under names of our own, with "obverse" for a model_type.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "engine/checkpoint/tensor_layout.h"
#include "engine/model/transformer_config.h"

namespace obverse::engine {

enum class ModelFamily {
  obverse,  // none of theirs
  gpt2,     // learned positions, layer norm before, GELU, biases, every head its own keys
  llama,    // rotary positions, RMS norm before, SwiGLU, grouped-query heads
};

// Causal models alone: theirs would give another model's logits for any other mask.
ModelFamily family_of(const TransformerConfig& config);

// config.json. Under "obverse" it holds the whole architecture, which the other fields tell only
// their readers.
nlohmann::json config_to_json(const TransformerConfig& config);

// The architecture of a config.json, ours or theirs. Throws std::runtime_error, one line that names
// `path` and the field, where one is missing or not what this engine computes.
TransformerConfig config_from_json(const std::filesystem::path& path, const nlohmann::json& json);

// Where a family keeps the parameters of a model of its shape. `prefixed`: names begin with
// "transformer.", as GPT-2's do with a head and not without one; of the other families no name
// depends on it.
TensorLayout family_layout(const Transformer& model, ModelFamily family, bool prefixed = true);

}  // namespace obverse::engine
