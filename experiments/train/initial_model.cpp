#include "experiments/train/initial_model.h"

#include <algorithm>

#include "engine/checkpoint/checkpoints.h"
#include "engine/checkpoint/model_folder.h"
#include "kernels/core/check.h"

namespace obverse::train {

void take_architecture(const std::filesystem::path& folder, Settings& settings) {
  nlohmann::json config;
  engine::TransformerConfig architecture = engine::read_model_config(folder, config);
  architecture.dropout = settings.architecture.dropout;
  const nlohmann::json fields = architecture;
  for (const auto& item : fields.items()) {
    const std::string& name = item.key();
    const auto value = settings.values.find(name);
    // What is no setting, and what the texts decide too.
    if (value == settings.values.end() || name == "context" || name == "vocabulary") continue;
    const bool follows = (name == "hidden" || name == "key_value_heads") && *value == 0;
    const bool chosen =
        std::find(settings.chosen.begin(), settings.chosen.end(), name) != settings.chosen.end();
    kernels::require(!chosen || follows || *value == item.value(), name, ": expected ",
                     item.value().dump(), ", which the model in ", folder.string(), " has, found ",
                     value->dump());
    *value = item.value();
  }
  settings.architecture = architecture;
}

void take_initial_architecture(Settings& settings) {
  if (settings.initial.empty()) return;
  take_architecture(engine::model_folder_in(settings.initial), settings);
}

void check_initial_model(const Settings& settings, const engine::TransformerConfig& wanted) {
  if (settings.initial.empty()) return;
  const engine::TransformerConfig& found = settings.architecture;
  const std::string path = (engine::model_folder_in(settings.initial) / "config.json").string();
  kernels::require(found.vocabulary == wanted.vocabulary, path, ": vocabulary: expected ",
                   wanted.vocabulary, ", which texts, objective and settings ask for, found ",
                   found.vocabulary);
  kernels::require(
      found.context == wanted.context || wanted.position != engine::PositionKind::learned, path,
      ": context: expected ", wanted.context,
      ", which texts, objective and settings ask for, found ", found.context);
}

void load_initial_weights(const engine::Transformer& model, const Settings& settings) {
  if (settings.initial.empty()) return;
  engine::load_model_weights(model, engine::model_folder_in(settings.initial));
}

}  // namespace obverse::train
