#include "engine/checkpoint/model_folder.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "engine/checkpoint/hugging_face.h"
#include "engine/checkpoint/safetensors.h"
#include "engine/checkpoint/weights.h"
#include "engine/files/atomic_file.h"
#include "engine/files/shown_json.h"

namespace obverse::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kConfig = "config.json";

json read_json(const fs::path& path) {
  json value = parsed_json(read_file(path));
  if (value.is_discarded()) throw std::runtime_error(path.string() + ": expected JSON");
  return value;
}

// The files that an index names, each once.
std::set<std::string> indexed_files(const fs::path& path) {
  const json index = read_json(path);
  std::set<std::string> names;
  const json map = index.is_object() ? index.value("weight_map", json()) : json();
  for (const auto& item : map.items()) {
    // A name with a folder in it could lead anywhere.
    const std::string name = item.value().is_string() ? item.value().get<std::string>() : "";
    if (name.empty() || fs::path(name).filename() != name) {
      throw std::runtime_error(path.string() + ": weight_map: expected file names, found " +
                               shown_json(item.value()));
    }
    names.insert(name);
  }
  if (names.empty()) {
    throw std::runtime_error(path.string() + ": weight_map: expected an object of file names");
  }
  return names;
}

struct Weights {
  fs::path path;  // what messages name
  TensorFile tensors;
};

Weights read_weights(const fs::path& folder) {
  const fs::path one = folder / kWeights, index = folder / kIndex;
  if (fs::exists(one)) return {one, read_safetensors(one)};
  if (!fs::exists(index)) {
    throw std::runtime_error(one.string() + ": expected the model's weights, found no such file");
  }
  Weights weights{index, {}};
  for (const std::string& name : indexed_files(index)) {
    TensorFile part = read_safetensors(folder / name);
    for (auto& [tensor, stored] : part.tensors) {
      if (!weights.tensors.tensors.emplace(tensor, std::move(stored)).second) {
        throw std::runtime_error((folder / name).string() + ": tensor \"" + shown_name(tensor) +
                                 "\": expected it in one file, found it in a second one");
      }
    }
  }
  return weights;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Masks and tables that older exports keep beside the weights, and a head that is the embedding
// itself.
bool is_no_weight(const std::string& name, const TransformerConfig& config) {
  return ends_with(name, ".attn.bias") || ends_with(name, ".attn.masked_bias") ||
         ends_with(name, "rotary_emb.inv_freq") ||
         (config.tied_embeddings && name == "lm_head.weight");
}

std::vector<float> values_of(const Weights& weights, const Transformer& model, ModelFamily family) {
  const bool prefixed = weights.tensors.tensors.count("wte.weight") == 0;
  const TensorLayout layout = family_layout(model, family, prefixed);
  std::vector<float> values = values_in(weights.path, weights.tensors, model, layout);
  std::set<std::string> known;
  for (const ParameterLayout& parameter : layout) {
    for (const TensorPiece& piece : parameter.pieces) known.insert(piece.name);
  }
  for (const auto& [name, tensor] : weights.tensors.tensors) {
    if (known.count(name) == 0 && !is_no_weight(name, model.config())) {
      throw std::runtime_error(weights.path.string() + ": tensor \"" + shown_name(name) +
                               "\": expected none of this name in such a model");
    }
  }
  return values;
}

}  // namespace

void save_model(const Transformer& model, const fs::path& folder, const json& more) {
  TensorFile file;
  file.metadata["format"] = "pt";  // which transformers asks for
  file.tensors =
      pieces_of(model, family_layout(model, family_of(model.config())), parameter_values(model));
  write_safetensors(folder / kWeights, file);
  json config = config_to_json(model.config());
  config.merge_patch(more);
  write_atomically(folder / kConfig, config.dump(2) + "\n");
}

TransformerConfig read_model_config(const fs::path& folder, json& config) {
  const fs::path path = folder / kConfig;
  if (!fs::exists(path)) {
    throw std::runtime_error(path.string() +
                             ": expected the model's architecture, found no such file");
  }
  config = read_json(path);
  return config_from_json(path, config);
}

void load_model_weights(const Transformer& model, const fs::path& folder) {
  // The folder's family: a model that reads both ways may begin with a causal one's weights.
  json config;
  const ModelFamily family = family_of(read_model_config(folder, config));
  set_parameter_values(model, values_of(read_weights(folder), model, family));
}

LoadedModel load_model(const fs::path& folder, const Device& device, DType dtype) {
  LoadedModel loaded;
  const TransformerConfig config = read_model_config(folder, loaded.config);
  loaded.model = std::make_unique<Transformer>(config, device, 0, dtype);
  load_model_weights(*loaded.model, folder);
  return loaded;
}

}  // namespace obverse::engine
