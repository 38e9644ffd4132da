// A model with all that generating text with it takes, and the two things that the program does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/model/transformer.h"
#include "engine/training/objective.h"
#include "experiments/generate/program_options.h"

namespace obverse::generation {

struct TextModel {
  const engine::Transformer& model;
  std::function<std::vector<std::int32_t>(const std::string& text)> encode;
  // What a token adds to a text; nothing for special tokens.
  std::function<std::string(std::int32_t token)> bytes_of;
  std::int32_t begin_token = -1;  // -1: none
  bool begins_texts = false;  // begin_token stands before every text, not only before empty ones
  std::vector<std::int32_t> end_tokens, excluded_tokens;
  std::int32_t mask_token = -1;  // -1: none
  // How a left-to-right model is shown a gap; null: it fills none.
  const engine::Objective* objective = nullptr;
};

// Where texts go, and the lines that are for the person at the terminal; `speed` only for one who
// waits there, and may be null.
struct Outputs {
  std::function<void(const std::string& text)> text;
  std::function<void(const std::string&line)> note, speed;
};

// Continues the prompts: text as it is generated, whole characters alone, or with --jsonl one
// object for each when it has ended, always in the order of prompts and samples. Throws
// std::runtime_error with a line that names the prompt's source where one cannot be continued.
void continue_texts(const TextModel& text_model, const std::vector<SourceText>& prompts,
                    const ProgramOptions& options, const Outputs& outputs);

// Fills the gaps of options.gaps. Throws std::runtime_error with a line that names a text's source
// where it cannot be filled, and where the model fills none.
void fill_texts(const TextModel& text_model, const ProgramOptions& options, const Outputs& outputs);

}  // namespace obverse::generation
