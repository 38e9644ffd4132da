#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "engine/checkpoint/model_folder.h"
#include "engine/checkpoint/safetensors.h"
#include "experiments/support/command_line.h"
#include "experiments/train/commands.h"
#include "experiments/train/initial_model.h"
#include "experiments/train/setting_options.h"
#include "experiments/train/texts.h"
#include "kernels/core/check.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::train {
namespace {

namespace fs = std::filesystem;
using engine::StoredTensor;

constexpr const char* kExamples = R"(
Writes OUTPUT/model, the weights before the first step, and OUTPUT/examples.safetensors: inputs and
targets [steps, batch, sequence] of every step (targets that nothing is asked for are -1), those of
the validation loss [examples, sequence], and the learning rate of every step.

Example:
  obverse-train export --data texts --layers 4 --width 256 --steps 50 --output exported
)";

StoredTensor ids(std::vector<std::int64_t> shape, const std::vector<std::int32_t>& values) {
  StoredTensor tensor{"I32", std::move(shape), {}};
  tensor.bytes.assign(reinterpret_cast<const char*>(values.data()),
                      values.size() * sizeof(std::int32_t));
  return tensor;
}

struct Drawn {
  std::vector<std::int32_t> inputs, targets;
};

// The first `count` examples, padded to the longest that there can be.
Drawn draw(engine::ExampleSource& source, std::int64_t count) {
  Drawn drawn;
  engine::Example example;
  for (std::int64_t i = 0; i < count; ++i) {
    source.make(i, example);
    kernels::require(example.prefix == 0 && example.weight == 1.0f && example.first_keys.empty(),
                     "objective: expected examples that inputs and targets are all of, as "
                     "causal's are, found others");
    engine::lengthen(example, source.longest());
    drawn.inputs.insert(drawn.inputs.end(), example.inputs.begin(), example.inputs.end());
    drawn.targets.insert(drawn.targets.end(), example.targets.begin(), example.targets.end());
  }
  return drawn;
}

engine::TensorFile examples_of(const Settings& settings, const Texts& texts) {
  engine::TensorFile file;
  const std::int64_t steps = settings.training.schedule.steps, batch = settings.training.batch;
  engine::ExampleSource& training = *texts.training().examples;
  const std::int64_t sequence = training.longest();
  const Drawn drawn = draw(training, steps * batch);
  file.tensors["inputs"] = ids({steps, batch, sequence}, drawn.inputs);
  file.tensors["targets"] = ids({steps, batch, sequence}, drawn.targets);
  if (texts.validation() != nullptr) {
    engine::ExampleSource& validation = *texts.validation()->examples;
    const std::int64_t count = std::min(settings.validation_sequences, validation.epoch());
    const Drawn checked = draw(validation, count);
    file.tensors["validation_inputs"] = ids({count, validation.longest()}, checked.inputs);
    file.tensors["validation_targets"] = ids({count, validation.longest()}, checked.targets);
  }
  std::vector<double> rates;
  for (std::int64_t step = 1; step <= steps; ++step) {
    rates.push_back(settings.training.schedule.rate(step));
  }
  StoredTensor& learning_rates = file.tensors["learning_rates"];
  learning_rates = {"F64", {steps}, {}};
  learning_rates.bytes.assign(reinterpret_cast<const char*>(rates.data()),
                              rates.size() * sizeof(double));
  return file;
}

}  // namespace

int export_command(int argc, char** argv) {
  cxxopts::Options options("obverse-train export",
                           "Writes what a training run begins with and reads, for the same "
                           "training elsewhere.");
  add_setting_options(options);
  const auto parsed = experiments::parse_or_help(options, argc, argv);
  if (!parsed) {
    std::fputs(kExamples, stdout);
    return 0;
  }
  Settings settings = settings_of(*parsed);
  take_initial_architecture(settings);
  const Texts texts(settings);
  check_initial_model(settings, texts.model_of(settings.architecture));
  const engine::Transformer model(texts.model_of(settings.architecture), engine::Device::cpu(),
                                  settings.seed);
  load_initial_weights(model, settings);
  // All that may be refused comes before the first file.
  const engine::TensorFile examples = examples_of(settings, texts);
  const fs::path folder = settings.output;
  std::error_code error;
  fs::create_directories(folder / "model", error);
  if (error) throw std::runtime_error(folder.string() + ": cannot be made: " + error.message());
  engine::save_model(model, folder / "model");
  engine::write_safetensors(folder / "examples.safetensors", examples);
  std::printf("%s\n", folder.c_str());
  return 0;
}

}  // namespace obverse::train
