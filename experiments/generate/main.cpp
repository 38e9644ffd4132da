// obverse-generate: texts continued, and gaps filled, by a trained model.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "engine/checkpoint/checkpoints.h"
#include "engine/checkpoint/model_folder.h"
#include "experiments/generate/model_tokens.h"
#include "experiments/generate/program_options.h"
#include "experiments/generate/text_model.h"
#include "experiments/support/command_line.h"
#include "tokenizer/tokenizer.h"

namespace obverse::generation {
namespace {

std::vector<SourceText> prompts_of(const ProgramOptions& options) {
  if (options.input.empty() || options.input == "-") {
    if (options.input == "-" && isatty(STDIN_FILENO) != 0) {
      throw UsageError(
          "expected --prompt TEXT, --input FILE or text on standard input; see --help");
    }
    return read_prompts(options, std::cin, "standard input");
  }
  std::ifstream file(options.input, std::ios::binary);
  if (!file) throw std::runtime_error(options.input + ": " + std::strerror(errno));
  return read_prompts(options, file, options.input);
}

// What was printed is on its way only once it is flushed: a full disk must not look like success.
void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw std::runtime_error(std::string("standard output cannot be written: ") +
                             std::strerror(errno));
  }
}

int run(int argc, char** argv) {
  const ProgramOptions options = parse_program_options(argc, argv);
  if (!options.help_text.empty()) {
    print(options.help_text);
    return 0;
  }
  // A prompt that cannot be read is told before a model is loaded.
  const std::vector<SourceText> prompts =
      options.gaps.empty() ? prompts_of(options) : std::vector<SourceText>();
  const std::filesystem::path folder = engine::model_folder_in(options.model);
  const auto loaded =
      engine::load_model(folder, engine::Device::named(options.device),
                         options.precision == "bf16" ? engine::DType::bf16 : engine::DType::f32);
  const auto tokenizer = tokenizer::Tokenizer::load(folder / "tokenizer.json");
  const std::filesystem::path config_path = folder / "config.json";
  const auto objective = objective_in_config(config_path, loaded.config);
  const auto named = [&](const char* field) {
    return tokens_in_config(config_path, loaded.config, field, loaded.model->config().vocabulary);
  };

  TextModel text_model{
      *loaded.model, [&](const std::string& text) { return tokenizer.encode(text); },
      [&](std::int32_t token) {
        return tokenizer.is_special(token) ? std::string() : std::string(tokenizer.bytes_of(token));
      }};
  text_model.end_tokens = named("eos_token_id");
  const auto begins = named("bos_token_id");
  if (!begins.empty()) text_model.begin_token = begins.front();
  const auto exclude = [&text_model](std::int32_t token) {
    const auto& ends = text_model.end_tokens;
    if (std::find(ends.begin(), ends.end(), token) == ends.end()) {
      text_model.excluded_tokens.push_back(token);
    }
  };
  for (const std::int32_t pad : named("pad_token_id")) exclude(pad);
  // What an objective adds to the vocabulary is no text.
  for (std::int64_t id = tokenizer.size(); id < loaded.model->config().vocabulary; ++id) {
    exclude(static_cast<std::int32_t>(id));
  }
  for (const char* mask : {"<mask>", "[MASK]", "<|mask|>"}) {
    if (const auto found = tokenizer.special(mask)) text_model.mask_token = *found;
  }
  if (objective) {
    text_model.objective = objective.get();
    text_model.mask_token = objective->specials().mask;
  }

  const auto tell = [](const std::string& line) {
    std::fprintf(stderr, "obverse-generate: %s\n", line.c_str());
  };
  Outputs outputs{&print, tell, nullptr};
  if (isatty(STDERR_FILENO) != 0) outputs.speed = tell;
  if (options.gaps.empty()) {
    continue_texts(text_model, prompts, options, outputs);
  } else {
    fill_texts(text_model, options, outputs);
  }
  return 0;
}

}  // namespace
}  // namespace obverse::generation

int main(int argc, char** argv) {
  return obverse::experiments::run_program("obverse-generate",
                                           "a smaller --batch or --tokens needs less",
                                           [&] { return obverse::generation::run(argc, argv); });
}
