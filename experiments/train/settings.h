// All that a training run is asked to do, as a flat list of named fields: the options of the
// command line, the fields of --config FILE and those of the run's settings.json are the same ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/model/transformer_config.h"
#include "engine/training/trainer.h"

namespace obverse::train {

struct Field {
  std::string name;  // with underscores; as an option with dashes
  std::string group;
  nlohmann::json usual;  // null: no value, or one that follows from others
  std::string help;
  // Whether a resumed run may have another value than the one before it.
  bool may_change = false;
};
// Every one, in the order of --help.
const std::vector<Field>& fields();
// The field of this name; null where there is none.
const Field* field_named(const std::string& name);

// What is cut from the token files into examples.
enum class Packing {
  windows,    // as many tokens as an example takes, wherever texts begin and end
  documents,  // whole texts, several in one example
  none,       // one text an example
};
void to_json(nlohmann::json& json, const Packing& packing);
void from_json(const nlohmann::json& json, Packing& packing);

struct Settings {
  // Each field's value, null where there is none: what settings.json holds.
  nlohmann::json values;

  std::string data, tokenizer, initial, output;
  std::string objective;
  std::int64_t sequence = 0;
  Packing packing = Packing::windows;
  bool delimiter_before = false;  // end-of-text stands before each text, not behind
  bool attention_reset = false;
  std::int64_t end_of_text = -1;  // -1: the tokenizer tells
  std::int64_t vocabulary = 0, context = 0;
  engine::TransformerConfig architecture;  // without vocabulary, context and mask
  std::vector<std::string> chosen;         // fields with a value of their own or of a preset
  engine::TrainingOptions training;
  std::uint64_t seed = 0;
  std::int64_t validate_every = 0, validation_sequences = 0, checkpoint_every = 0, keep = 0;
  engine::DeviceKind device = engine::DeviceKind::cpu;
  engine::DType precision = engine::DType::f32;
  engine::MatmulChoice matmul = engine::MatmulChoice::own;
  std::int64_t threads = 0;  // 0: as many as there are
  bool profile = false;
};

// Values of `given`, a flat object of fields, over those of a preset and the usual ones. Throws
// std::invalid_argument, one line that names the field, what was found and what was expected.
Settings settings_of(const nlohmann::json& given);

// One line for each field that decides a result and is not the same: "learning_rate: expected
// 0.001, found 0.01". Of the schedule only what changes the rate of one of the first `done` steps.
std::vector<std::string> differences(const Settings& before, const Settings& now,
                                     std::int64_t done);

}  // namespace obverse::train
