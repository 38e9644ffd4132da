// The model that a run begins with: drawn by the seed, or read from a folder.
#pragma once

#include <filesystem>

#include "engine/model/transformer.h"
#include "experiments/train/settings.h"

namespace obverse::train {

// The architecture of the model in `folder`, as the settings train it: with their dropout. Throws
// what engine::read_model_config() throws.
engine::TransformerConfig architecture_in(const std::filesystem::path& folder,
                                          const Settings& settings);

// That of the settings' initial model, or, where they name none, their own.
engine::TransformerConfig initial_architecture(const Settings& settings);

// Gives `model` the weights of the initial model; where the settings name none it stays as it is.
void load_initial_weights(const engine::Transformer& model, const Settings& settings);

}  // namespace obverse::train
