#include "experiments/train/checkpoint.h"

#include <stdexcept>

#include "engine/checkpoint/model_folder.h"
#include "engine/checkpoint/weights.h"
#include "engine/files/atomic_file.h"
#include "engine/files/shown_json.h"

namespace obverse::train {
namespace {

using nlohmann::json;

constexpr const char* kState = "state.json";
constexpr const char* kOptimizer = "optimizer.safetensors";

// What generation needs to know of a model beside its architecture: how it was asked.
json description_of(const Texts& texts, std::int64_t step) {
  const engine::TextSizes& sizes = texts.sizes();
  json description = {{"obverse",
                       {{"objective", texts.objective().name()},
                        {"step", step},
                        {"text_vocabulary", sizes.vocabulary},
                        {"text_longest", sizes.longest},
                        {"special_tokens",
                         {{"begin_of_text", sizes.specials.begin_of_text},
                          {"end_of_text", sizes.specials.end_of_text},
                          {"mask", sizes.specials.mask}}}}}};
  // By the names that transformers reads.
  const auto add = [&description](const char* name, std::int32_t id) {
    if (id >= 0) description[name] = id;
  };
  add("bos_token_id", sizes.specials.begin_of_text >= 0 ? sizes.specials.begin_of_text
                                                        : sizes.specials.end_of_text);
  add("eos_token_id", sizes.specials.end_of_text);
  return description;
}

}  // namespace

void write_checkpoint(const engine::Transformer& model, const engine::Trainer& trainer,
                      const Texts& texts, const RunState& state,
                      const std::filesystem::path& folder) {
  engine::save_model(model, folder, description_of(texts, state.step));
  if (texts.tokenizer()) texts.tokenizer()->save(folder);
  engine::save_moments(model, trainer.optimizer().first_moments(),
                       trainer.optimizer().second_moments(), folder / kOptimizer);
  const json fields = {{"step", state.step},
                       {"tokens", state.tokens},
                       {"seconds", state.seconds},
                       {"data_digest", state.data_digest},
                       {"settings", state.settings}};
  engine::write_atomically(folder / kState, fields.dump(2) + "\n");
}

RunState read_state(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kState;
  const json fields = engine::parsed_json(engine::read_file(path));
  if (!fields.is_object()) throw std::runtime_error(path.string() + ": expected a JSON object");
  const auto refuse = [&path](const std::string& field, const std::string& expected) {
    throw std::runtime_error(path.string() + ": " + field + ": expected " + expected);
  };
  const auto whole = [&](const char* name) {
    const json value = fields.value(name, json());
    if (!value.is_number_integer() || value < 0) refuse(name, "a whole number from 0 on");
    return value.get<std::int64_t>();
  };
  RunState state;
  state.step = whole("step");
  state.tokens = whole("tokens");
  const json seconds = fields.value("seconds", json());
  if (!seconds.is_number()) refuse("seconds", "a number");
  state.seconds = seconds.get<double>();
  state.settings = fields.value("settings", json());
  if (!state.settings.is_object()) refuse("settings", "an object");
  const json digest = fields.value("data_digest", json());
  if (!digest.is_string()) refuse("data_digest", "a word");
  state.data_digest = digest.get<std::string>();
  return state;
}

void load_checkpoint(const std::filesystem::path& folder, std::int64_t step,
                     const engine::Transformer& model, engine::Trainer& trainer) {
  json config;
  if (engine::read_model_config(folder, config) != model.config()) {
    throw std::runtime_error((folder / "config.json").string() +
                             ": expected the architecture that this run's settings give, found "
                             "another one");
  }
  engine::load_model_weights(model, folder);
  engine::load_moments(model, trainer.optimizer().first_moments(),
                       trainer.optimizer().second_moments(), folder / kOptimizer);
  trainer.continue_after(step);
}

}  // namespace obverse::train
