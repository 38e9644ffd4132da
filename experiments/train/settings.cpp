#include "experiments/train/settings.h"

#include <cmath>
#include <set>

#include "engine/files/shown_json.h"
#include "kernels/core/check.h"

namespace obverse::train {

using kernels::fail;
using kernels::require;
using nlohmann::json;

namespace words {
NLOHMANN_JSON_SERIALIZE_ENUM(Packing, {{Packing::windows, "windows"},
                                       {Packing::documents, "documents"},
                                       {Packing::none, "none"}})
}  // namespace words
void to_json(json& value, const Packing& packing) { words::to_json(value, packing); }
void from_json(const json& value, Packing& packing) { words::from_json(value, packing); }

namespace {

// The architecture's own fields, but for those that the data and the objective decide.
const std::set<std::string>& decided_elsewhere() {
  static const std::set<std::string> kNames = {"vocabulary", "context", "mask"};
  return kNames;
}

std::string help_of(const std::string& name) {
  static const std::map<std::string, std::string> kHelp = {
      {"layers", "Blocks"},
      {"width", "Width of the residual stream"},
      {"heads", "Attention heads"},
      {"key_value_heads", "Heads of keys and values; 0: as many as heads"},
      {"hidden", "Width inside the feed-forward network; 0: four times the width, for swiglu 8/3"},
      {"position", "Positions: learned, rotary, alibi or none"},
      {"norm", "Norm: layer or rms"},
      {"norm_placement", "Where norms stand: pre or post"},
      {"feed_forward", "Feed-forward network: gelu, swiglu or relu2"},
      {"tied_embeddings", "Whether the head is the embedding itself"},
      {"biases", "Whether linear layers and layer norms have biases"},
      {"query_key_norm", "Whether queries and keys are normalised"},
      {"dropout", "Share of activations that training drops"},
      {"rotary_base", "Base of rotary frequencies"},
      {"norm_epsilon", "What norms add to a variance"}};
  return kHelp.at(name);
}

std::vector<Field> make_fields() {
  std::string presets;
  for (const std::string& name : engine::transformer_preset_names()) {
    presets += (presets.empty() ? "" : ", ") + name;
  }
  std::vector<Field> all{
      {"data", "Texts", nullptr, "Folder of token files, as obverse-tokenize encode writes them",
       true},  // other files are told by their digest
      {"tokenizer", "Texts", nullptr,
       "Tokenizer of the texts: its size, its special tokens, and what checkpoints keep for "
       "generation; usually the one that lies in the folder of token files",
       true},
      {"end_of_text", "Texts", nullptr, "Id of the token behind every text, without a tokenizer"},
      {"objective", "Texts", "causal",
       "What is trained: see obverse-train --objectives; NAME:WEIGHT joined by + are a mixture"},
      {"sequence", "Texts", 256, "Tokens of an example"},
      {"packing", "Texts", "windows",
       "Examples: windows of the token stream, whole documents packed together, or none: one "
       "document each"},
      {"delimiter", "Texts", "behind",
       "Where the end-of-text token stands: behind every text, or before, as llm.c writes it"},
      {"attention_reset", "Texts", false, "Packed documents do not see each other"},
      {"preset", "Model", nullptr, "Architecture by name, other options change it: " + presets},
      {"initial", "Model", nullptr,
       "Folder of a model (GPT-2, Llama or ours) whose weights, and architecture, training begins "
       "with"},
      {"vocabulary", "Model", nullptr,
       "Tokens of the model; usually those of the tokenizer and what the objective needs. Without "
       "a "
       "tokenizer, tokens of the texts"},
      {"context", "Model", nullptr, "Most tokens that it reads; usually those of an example"}};
  const json architecture = engine::TransformerConfig();
  for (const auto& item : architecture.items()) {
    if (decided_elsewhere().count(item.key()) > 0) continue;
    all.push_back({item.key(), "Model", item.value(), help_of(item.key())});
  }
  const engine::TrainingOptions usual;
  const std::vector<Field> rest{
      {"steps", "Training", 1000, "Updates of the weights", true},
      {"batch", "Training", 16, "Examples a step"},
      {"accumulation", "Training", 1, "Parts that a step's examples are cut into, to save memory"},
      {"learning_rate", "Training", 1e-3, "Highest learning rate"},
      {"schedule", "Training", "cosine",
       "Of the learning rate: constant, linear, cosine or warm_up_stable_decay", true},
      {"warm_up_steps", "Training", 100, "Steps over which it rises", true},
      {"final_share", "Training", 0.1, "What it ends at, as a share of the highest", true},
      {"decay_share", "Training", 0.2, "Last share of steps in which warm_up_stable_decay falls",
       true},
      {"weight_decay", "Training", usual.optimizer.weight_decay, "Of matrices and embeddings"},
      {"beta_1", "Training", usual.optimizer.beta_1, "AdamW's first decay rate"},
      {"beta_2", "Training", usual.optimizer.beta_2, "AdamW's second decay rate"},
      {"epsilon", "Training", usual.optimizer.epsilon, "What AdamW adds to a root"},
      {"clip_norm", "Training", usual.optimizer.clip_norm,
       "Norm that gradients are clipped to; 0: never"},
      {"seed", "Training", 0, "Of weights, order and every other draw"},
      {"validate_every", "Output", 100, "Steps between two validation losses; 0: none", true},
      {"validation_sequences", "Output", 64, "Examples of a validation loss", true},
      {"checkpoint_every", "Output", 500, "Steps between two checkpoints; the last step has one",
       true},
      {"keep", "Output", 2, "Checkpoints that are kept; 0: all", true},
      {"output", "Output", "runs/train", "Folder of checkpoints, metrics and settings", true},
      {"device", "Machine", "cpu", "cpu or cuda"},
      {"precision", "Machine", nullptr, "fp32, or on CUDA bf16; usually bf16 there"},
      {"matmul", "Machine", "own", "Matrix products on CUDA: own or cublas"},
      {"recompute", "Machine", "none",
       "What backward computes again to save memory: none or blocks", true},
      {"threads", "Machine", 0, "Processor threads; 0: all", true},
      {"profile", "Machine", false,
       "Time every kernel, tell it at the end, and name it on the timeline of NVIDIA's profilers",
       true}};
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

const char* kind_of(const json& usual) {
  return usual.is_boolean()          ? "true or false"
         : usual.is_number_integer() ? "a whole number"
         : usual.is_number()         ? "a number"
                                     : "a word";
}

// Fields without a usual value, and what they take.
json example_of(const Field& field) {
  static const std::set<std::string> kNumbers = {"end_of_text", "vocabulary", "context"};
  if (!field.usual.is_null()) return field.usual;
  return kNumbers.count(field.name) > 0 ? json(0) : json("");
}

void check_type(const Field& field, const json& value) {
  const json example = example_of(field);
  const bool fits = example.is_boolean()          ? value.is_boolean()
                    : example.is_number_integer() ? value.is_number_integer()
                    : example.is_number()         ? value.is_number()
                                                  : value.is_string();
  require(fits, field.name, ": expected ", kind_of(example), ", found ", engine::shown_json(value));
}

// A word of an enumeration that has from_json; one that it does not know would be its first.
template <typename Value>
Value word(const json& values, const char* name, const char* known) {
  const Value value = values.at(name).get<Value>();
  require(json(value) == values.at(name), name, ": expected ", known, ", found ",
          engine::shown_json(values.at(name)));
  return value;
}

std::string text_of(const json& values, const char* name) {
  return values.at(name).is_null() ? "" : values.at(name).get<std::string>();
}

std::int64_t number_in(const json& values, const char* name, std::int64_t least) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  const json& value = values.at(name);
  // Numbers above the largest signed one are unsigned in JSON.
  const bool fits = !value.is_number_unsigned() || value.get<std::uint64_t>() <= kMost;
  const std::int64_t number = fits ? value.get<std::int64_t>() : kMost + 1;
  require(number >= least && number <= kMost, name, ": expected from ", least, " to ", kMost,
          ", found ", engine::shown_json(value));
  return number;
}

// A real number in (low, high), or [low, high) where `closed`.
double real_in(const json& values, const char* name, double low, double high, bool closed) {
  const double value = values.at(name).get<double>();
  require((closed ? value >= low : value > low) && value < high, name, ": expected from ", low,
          closed ? "" : " (not included)", " to below ", high, ", found ",
          engine::shown_json(values.at(name)));
  return value;
}

engine::TrainingOptions training_of(const json& values) {
  constexpr double kMost = 1e6;
  engine::TrainingOptions options;
  options.batch = number_in(values, "batch", 1);
  options.accumulation = number_in(values, "accumulation", 1);
  require(options.batch % options.accumulation == 0,
          "accumulation: expected a divisor of the batch of ", options.batch, ", found ",
          options.accumulation);
  options.schedule.kind = word<engine::ScheduleKind>(
      values, "schedule", "constant, linear, cosine or warm_up_stable_decay");
  options.schedule.peak = real_in(values, "learning_rate", 0.0, kMost, false);
  options.schedule.steps = number_in(values, "steps", 1);
  options.schedule.warm_up_steps = number_in(values, "warm_up_steps", 0);
  options.schedule.final_share = real_in(values, "final_share", 0.0, 1.0 + 1e-12, true);
  options.schedule.decay_share = real_in(values, "decay_share", 0.0, 1.0 + 1e-12, true);
  options.optimizer.weight_decay = real_in(values, "weight_decay", 0.0, kMost, true);
  options.optimizer.beta_1 = real_in(values, "beta_1", 0.0, 1.0, true);
  options.optimizer.beta_2 = real_in(values, "beta_2", 0.0, 1.0, true);
  options.optimizer.epsilon = real_in(values, "epsilon", 0.0, kMost, false);
  options.optimizer.clip_norm = real_in(values, "clip_norm", 0.0, kMost, true);
  options.recompute = word<engine::Recompute>(values, "recompute", "none or blocks");
  return options;
}

void take_machine(const json& values, Settings& settings) {
  const std::string device = text_of(values, "device"), matmul = text_of(values, "matmul");
  require(device == "cpu" || device == "cuda", "device: expected cpu or cuda, found ", device);
  const bool on_gpu = device == "cuda";
  settings.device = on_gpu ? engine::DeviceKind::cuda : engine::DeviceKind::cpu;
  const std::string precision = text_of(values, "precision");
  require(precision == "bf16" || precision == "fp32", "precision: expected bf16 or fp32, found ",
          precision);
  require(on_gpu || precision == "fp32", "precision: expected fp32 on the CPU, found bf16, which ",
          "CUDA takes");
  settings.precision = precision == "bf16" ? engine::DType::bf16 : engine::DType::f32;
  require(matmul == "own" || matmul == "cublas", "matmul: expected own or cublas, found ", matmul);
  require(on_gpu || matmul == "own", "matmul: expected own on the CPU, found cublas");
  settings.matmul = matmul == "cublas" ? engine::MatmulChoice::cublas : engine::MatmulChoice::own;
  settings.threads = number_in(values, "threads", 0);
  constexpr std::int64_t kMostThreads = 1024;
  require(settings.threads <= kMostThreads, "threads: expected from 0 to ", kMostThreads,
          ", found ", settings.threads);
  settings.profile = values.at("profile").get<bool>();
}

engine::TransformerConfig architecture_of(const json& values) {
  json architecture = engine::TransformerConfig();
  for (const auto& item : architecture.items()) {
    if (decided_elsewhere().count(item.key()) == 0) item.value() = values.at(item.key());
  }
  auto config = architecture.get<engine::TransformerConfig>();
  // The two that the data decide, so that the others are checked now.
  config.vocabulary = 1;
  config.context = 1;
  config.validate();
  return config;
}

}  // namespace

const std::vector<Field>& fields() {
  static const std::vector<Field> kFields = make_fields();
  return kFields;
}

const Field* field_named(const std::string& name) {
  for (const Field& field : fields()) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

Settings settings_of(const json& given) {
  require(given.is_object(), "expected a JSON object of settings, found ",
          engine::shown_json(given));
  Settings settings;
  json& values = settings.values;
  for (const Field& field : fields()) values[field.name] = field.usual;
  if (const auto preset = given.find("preset"); preset != given.end() && !preset->is_null()) {
    check_type(*field_named("preset"), *preset);
    const json architecture = engine::transformer_preset(preset->get<std::string>());
    for (const auto& item : architecture.items()) {
      if (decided_elsewhere().count(item.key()) > 0) continue;
      values[item.key()] = item.value();
      settings.chosen.push_back(item.key());
    }
    values["context"] = architecture.at("context");
  }
  for (const auto& item : given.items()) {
    const Field* const field = field_named(item.key());
    require(field != nullptr, engine::shown_name(item.key()),
            ": expected a setting that obverse-train --help names, ", "found this one");
    if (item.value().is_null()) continue;
    check_type(*field, item.value());
    values[item.key()] = item.value();
    settings.chosen.push_back(item.key());
  }
  if (values.at("precision").is_null()) {
    values["precision"] = values.at("device") == "cuda" ? "bf16" : "fp32";
  }
  settings.data = text_of(values, "data");
  settings.tokenizer = text_of(values, "tokenizer");
  settings.initial = text_of(values, "initial");
  settings.output = text_of(values, "output");
  settings.objective = text_of(values, "objective");
  constexpr std::int64_t kMostTokens = 1 << 24;
  settings.sequence = number_in(values, "sequence", 2);
  require(settings.sequence <= kMostTokens, "sequence: expected at most ", kMostTokens, ", found ",
          settings.sequence);
  settings.packing = word<Packing>(values, "packing", "windows, documents or none");
  const std::string delimiter = text_of(values, "delimiter");
  require(delimiter == "behind" || delimiter == "before",
          "delimiter: expected behind or before, found ", delimiter);
  settings.delimiter_before = delimiter == "before";
  settings.attention_reset = values.at("attention_reset").get<bool>();
  require(!settings.attention_reset || settings.packing == Packing::documents,
          "attention_reset: expected packing documents with it, found ",
          values.at("packing").dump());
  const auto number_or = [&values](const char* name, std::int64_t none) {
    return values.at(name).is_null() ? none : number_in(values, name, 0);
  };
  settings.end_of_text = number_or("end_of_text", -1);
  settings.vocabulary = number_or("vocabulary", 0);
  settings.context = number_or("context", 0);
  settings.architecture = architecture_of(values);
  settings.training = training_of(values);
  settings.seed = static_cast<std::uint64_t>(number_in(values, "seed", 0));
  settings.validate_every = number_in(values, "validate_every", 0);
  settings.validation_sequences = number_in(values, "validation_sequences", 1);
  settings.checkpoint_every = number_in(values, "checkpoint_every", 1);
  settings.keep = number_in(values, "keep", 0);
  take_machine(values, settings);
  return settings;
}

std::vector<std::string> differences(const Settings& before, const Settings& now,
                                     std::int64_t done) {
  std::vector<std::string> found;
  for (const Field& field : fields()) {
    const json& was = before.values.at(field.name);
    const json& is = now.values.at(field.name);
    if (field.may_change || was == is) continue;
    found.push_back(field.name + ": expected " + was.dump() + ", found " + is.dump());
  }
  for (std::int64_t step = 1; step <= done; ++step) {
    const double was = before.training.schedule.rate(step), is = now.training.schedule.rate(step);
    if (was == is) continue;
    for (const char* name : {"steps", "schedule", "warm_up_steps", "final_share", "decay_share"}) {
      const json& old_value = before.values.at(name);
      const json& new_value = now.values.at(name);
      if (old_value == new_value) continue;
      found.push_back(std::string(name) + ": expected " + old_value.dump() + ", found " +
                      new_value.dump() + ", with which step " + std::to_string(step) +
                      " would have had another learning rate");
    }
    break;
  }
  return found;
}

}  // namespace obverse::train
