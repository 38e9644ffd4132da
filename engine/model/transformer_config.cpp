#include "engine/model/transformer_config.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "kernels/core/check.h"

namespace obverse::engine {

using kernels::fail;
using kernels::require;

TransformerConfig TransformerConfig::resolved() const {
  TransformerConfig full = *this;
  if (full.key_value_heads == 0) full.key_value_heads = heads;
  if (full.hidden == 0) {
    // Two thirds of 4 x width keep SwiGLU's three matrices as large as the usual two (Shazeer
    // 2020).
    full.hidden = feed_forward == FeedForwardKind::swiglu ? (8 * width / 3 + 7) / 8 * 8 : 4 * width;
  }
  return full;
}

void TransformerConfig::validate() const {
  const auto positive = [](const char* field, std::int64_t value) {
    require(value > 0, "[transformer] expected ", field, " above 0, got ", value);
  };
  // Before other sizes are derived from them: products of two must not overflow.
  constexpr std::int64_t kMost = 1 << 24;
  for (const auto& [field, value] :
       {std::pair{"layers", layers}, std::pair{"width", width}, std::pair{"heads", heads},
        std::pair{"hidden", hidden}, std::pair{"vocabulary", vocabulary},
        std::pair{"context", context}}) {
    require(value <= kMost, "[transformer] expected ", field, " of at most ", kMost, ", got ",
            value);
  }
  const TransformerConfig full = resolved();
  positive("layers", full.layers);
  positive("width", full.width);
  positive("heads", full.heads);
  positive("key_value_heads", full.key_value_heads);
  positive("hidden", full.hidden);
  positive("vocabulary", full.vocabulary);
  positive("context", full.context);
  require(width % heads == 0, "[transformer] expected heads to divide width, got ", heads,
          " heads and width ", width);
  require(heads % full.key_value_heads == 0,
          "[transformer] expected key_value_heads to divide heads, got ", full.key_value_heads,
          " and ", heads);
  require(position != PositionKind::rotary || head_size() % 2 == 0,
          "[transformer] expected an even head size for rotary positions, got ", head_size());
  require(dropout >= 0.0 && dropout < 1.0, "[transformer] expected dropout in [0, 1), got ",
          dropout);
  require(norm_epsilon > 0.0, "[transformer] expected norm_epsilon above 0, got ", norm_epsilon);
  require(rotary_base > 1.0, "[transformer] expected rotary_base above 1, got ", rotary_base);
  require(rotary_factor > 0.0, "[transformer] expected rotary_factor above 0, got ", rotary_factor);
  require(rotary_slow_turns < rotary_fast_turns,
          "[transformer] expected rotary_slow_turns below rotary_fast_turns, got ",
          rotary_slow_turns, " and ", rotary_fast_turns);
  require(rotary_original_context >= 0.0,
          "[transformer] expected rotary_original_context of at least 0, got ",
          rotary_original_context);
}

namespace {

TransformerConfig gpt2(std::int64_t layers, std::int64_t width, std::int64_t heads) {
  TransformerConfig config;
  config.layers = layers;
  config.width = width;
  config.heads = heads;
  config.vocabulary = 50257;
  config.context = 1024;
  return config;
}

std::map<std::string, TransformerConfig> presets() {
  TransformerConfig llama;
  llama.layers = 16;
  llama.width = 2048;
  llama.heads = 32;
  llama.key_value_heads = 8;
  llama.hidden = 8192;
  llama.vocabulary = 128256;
  llama.context = 8192;
  llama.position = PositionKind::rotary;
  llama.norm = NormKind::rms;
  llama.feed_forward = FeedForwardKind::swiglu;
  llama.biases = false;
  llama.rotary_base = 500000.0;
  TransformerConfig bert = gpt2(12, 768, 12);
  bert.vocabulary = 30522;
  bert.context = 512;
  bert.norm_placement = NormPlacement::post;
  bert.mask = MaskKind::bidirectional;
  bert.norm_epsilon = 1e-12;
  return {{"gpt2-124m", gpt2(12, 768, 12)},
          {"gpt2-355m", gpt2(24, 1024, 16)},
          {"gpt2-774m", gpt2(36, 1280, 20)},
          {"gpt2-1558m", gpt2(48, 1600, 25)},
          {"llama-1b", llama},
          {"bert-110m", bert}};
}

}  // namespace

std::vector<std::string> transformer_preset_names() {
  std::vector<std::string> names;
  for (const auto& [name, config] : presets()) names.push_back(name);
  return names;
}

TransformerConfig transformer_preset(const std::string& name) {
  const auto all = presets();
  const auto found = all.find(name);
  if (found == all.end()) {
    std::string known;
    for (const std::string& each : transformer_preset_names()) known += " " + each;
    fail("[transformer] expected a preset among", known, ", got '", name, "'");
  }
  return found->second;
}

namespace {

// Calls visit(name, field) for every field: the one list that both directions of JSON read.
template <typename Config, typename Visit>
void for_each_field(Config& c, const Visit& visit) {
  visit("layers", c.layers);
  visit("width", c.width);
  visit("heads", c.heads);
  visit("key_value_heads", c.key_value_heads);
  visit("hidden", c.hidden);
  visit("vocabulary", c.vocabulary);
  visit("context", c.context);
  visit("position", c.position);
  visit("norm", c.norm);
  visit("norm_placement", c.norm_placement);
  visit("feed_forward", c.feed_forward);
  visit("mask", c.mask);
  visit("tied_embeddings", c.tied_embeddings);
  visit("biases", c.biases);
  visit("query_key_norm", c.query_key_norm);
  visit("dropout", c.dropout);
  visit("rotary_base", c.rotary_base);
  visit("rotary_factor", c.rotary_factor);
  visit("rotary_slow_turns", c.rotary_slow_turns);
  visit("rotary_fast_turns", c.rotary_fast_turns);
  visit("rotary_original_context", c.rotary_original_context);
  visit("norm_epsilon", c.norm_epsilon);
}

}  // namespace

namespace words {
NLOHMANN_JSON_SERIALIZE_ENUM(PositionKind, {{PositionKind::learned, "learned"},
                                            {PositionKind::rotary, "rotary"},
                                            {PositionKind::alibi, "alibi"},
                                            {PositionKind::none, "none"}})
NLOHMANN_JSON_SERIALIZE_ENUM(NormKind, {{NormKind::layer, "layer"}, {NormKind::rms, "rms"}})
NLOHMANN_JSON_SERIALIZE_ENUM(NormPlacement,
                             {{NormPlacement::pre, "pre"}, {NormPlacement::post, "post"}})
NLOHMANN_JSON_SERIALIZE_ENUM(FeedForwardKind, {{FeedForwardKind::gelu, "gelu"},
                                               {FeedForwardKind::swiglu, "swiglu"},
                                               {FeedForwardKind::relu2, "relu2"}})
}  // namespace words

void to_json(nlohmann::json& json, const PositionKind& kind) { words::to_json(json, kind); }
void from_json(const nlohmann::json& json, PositionKind& kind) { words::from_json(json, kind); }
void to_json(nlohmann::json& json, const NormKind& kind) { words::to_json(json, kind); }
void from_json(const nlohmann::json& json, NormKind& kind) { words::from_json(json, kind); }
void to_json(nlohmann::json& json, const NormPlacement& placement) {
  words::to_json(json, placement);
}
void from_json(const nlohmann::json& json, NormPlacement& placement) {
  words::from_json(json, placement);
}
void to_json(nlohmann::json& json, const FeedForwardKind& kind) { words::to_json(json, kind); }
void from_json(const nlohmann::json& json, FeedForwardKind& kind) { words::from_json(json, kind); }

void to_json(nlohmann::json& json, const TransformerConfig& config) {
  json = nlohmann::json::object();
  for_each_field(config, [&](const char* name, const auto& field) { json[name] = field; });
  if (config.rotary_factor != 1.0) return;
  for (const char* name :
       {"rotary_factor", "rotary_slow_turns", "rotary_fast_turns", "rotary_original_context"}) {
    json.erase(name);
  }
}

void from_json(const nlohmann::json& json, TransformerConfig& config) {
  std::string known;
  for_each_field(config, [&]<typename Field>(const char* name, Field& field) {
    known += std::string(" ") + name;
    const auto found = json.find(name);
    if (found == json.end()) return;
    const auto value = found->template get<Field>();
    // nlohmann-json reads an unknown word as the first enumerator and cuts 2.5 down to 2; only what
    // comes back unchanged was understood.
    require(nlohmann::json(value) == *found, "[transformer] expected a known value for ", name,
            ", got ", found->dump());
    field = value;
  });
  for (const auto& item : json.items()) {
    const std::string& name = item.key();
    bool is_field = false;
    for_each_field(config, [&](const char* field, const auto&) { is_field |= name == field; });
    require(is_field, "[transformer] expected a field among", known, ", got '", name, "'");
  }
}

}  // namespace obverse::engine

namespace obverse::kernels {
namespace words {
NLOHMANN_JSON_SERIALIZE_ENUM(AttentionMask, {{AttentionMask::causal, "causal"},
                                             {AttentionMask::bidirectional, "bidirectional"},
                                             {AttentionMask::prefix, "prefix"}})
}  // namespace words

void to_json(nlohmann::json& json, const AttentionMask& mask) { words::to_json(json, mask); }
void from_json(const nlohmann::json& json, AttentionMask& mask) { words::from_json(json, mask); }

}  // namespace obverse::kernels
