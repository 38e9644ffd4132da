// A run's state in a checkpoint: the model as Hugging Face's libraries read it, its tokenizer, the
// optimizer's moments and what else a resumed run needs to go on with the same bits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/training/trainer.h"
#include "experiments/train/settings.h"
#include "experiments/train/texts.h"

namespace obverse::train {

struct RunState {
  std::int64_t step = 0, tokens = 0;
  double seconds = 0.0;     // of training
  nlohmann::json settings;  // Settings::values
  std::string data_digest;  // of the token files trained on
};

// Writes all of it into a folder. REQUIRES: no step is under way.
void write_checkpoint(const engine::Transformer& model, const engine::Trainer& trainer,
                      const Texts& texts, const RunState& state,
                      const std::filesystem::path& folder);

// Reads state.json. Throws std::runtime_error, one line that names file and field.
RunState read_state(const std::filesystem::path& folder);

// Gives model and trainer what write_checkpoint() took of them. Throws as above.
void load_checkpoint(const std::filesystem::path& folder, std::int64_t step,
                     const engine::Transformer& model, engine::Trainer& trainer);

}  // namespace obverse::train
