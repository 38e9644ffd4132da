#include "experiments/reversal_curse/presets/preset.h"

namespace obverse::reversal {

// One switch of the transformer at a time, all else as usual.
std::vector<Preset> architectures_presets() {
  GridOptions base = small_models();
  base.worlds = {"pairs"};
  base.objectives = {"causal"};
  base.axes["world.name_tokens"] = {1};
  base.axes["training.steps"] = {1000};

  GridOptions positions = base;
  positions.axes["architecture.position"] = {"learned", "rotary", "alibi", "none"};
  std::vector<GridOptions> parts{positions};
  const auto vary = [&](const std::string& field, const std::vector<nlohmann::json>& values) {
    parts.push_back(base);
    parts.back().axes["architecture." + field] = values;
  };
  vary("norm", {"rms"});
  vary("norm_placement", {"post"});
  vary("feed_forward", {"swiglu", "relu2"});
  vary("query_key_norm", {true});
  vary("key_value_heads", {1});
  vary("biases", {false});
  vary("dropout", {0.1});
  vary("tied_embeddings", {true});
  return {{.name = "architectures",
           .summary = "does a switch of the transformer matter? positions, norms, feed-forward, "
                      "biases, dropout, tied embeddings, one at a time",
           .parts = parts},
          {.name = "positions",
           .summary = "the position encodings alone: learned, rotary, ALiBi, none",
           .parts = {positions}}};
}

}  // namespace obverse::reversal
