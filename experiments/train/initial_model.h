// The model that a run begins with: drawn by the seed, or read from a folder.
#pragma once

#include <filesystem>

#include "engine/model/transformer.h"
#include "experiments/train/settings.h"

namespace obverse::train {

// Puts the architecture of the model in `folder`, which training begins or goes on with, into
// settings and their values; dropout is theirs. Throws what engine::read_model_config() throws, and
// std::invalid_argument where somebody chose another value for a field.
void take_architecture(const std::filesystem::path& folder, Settings& settings);

// That of the initial model, where the settings name one.
void take_initial_architecture(Settings& settings);

// Throws std::invalid_argument, one line, where the initial model has another vocabulary, or
// another number of learned positions, than `wanted`. REQUIRES: take_initial_architecture().
void check_initial_model(const Settings& settings, const engine::TransformerConfig& wanted);

// Gives `model` the weights of the initial model; where the settings name none it stays as it is.
// REQUIRES: check_initial_model().
void load_initial_weights(const engine::Transformer& model, const Settings& settings);

}  // namespace obverse::train
