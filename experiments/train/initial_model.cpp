#include "experiments/train/initial_model.h"

#include "engine/checkpoint/checkpoints.h"
#include "engine/checkpoint/model_folder.h"

namespace obverse::train {

engine::TransformerConfig architecture_in(const std::filesystem::path& folder,
                                          const Settings& settings) {
  nlohmann::json config;
  engine::TransformerConfig architecture = engine::read_model_config(folder, config);
  architecture.dropout = settings.architecture.dropout;
  return architecture;
}

engine::TransformerConfig initial_architecture(const Settings& settings) {
  if (settings.initial.empty()) return settings.architecture;
  return architecture_in(engine::model_folder_in(settings.initial), settings);
}

void load_initial_weights(const engine::Transformer& model, const Settings& settings) {
  if (settings.initial.empty()) return;
  engine::load_model_weights(model, engine::model_folder_in(settings.initial));
}

}  // namespace obverse::train
