// An architecture as a value: every switch of the transformer, named presets, and its JSON form.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/rotary/rotary.h"

namespace obverse::engine {

enum class PositionKind { learned, rotary, alibi, none };
enum class NormKind { layer, rms };
enum class NormPlacement { pre, post };
enum class FeedForwardKind { gelu, swiglu, relu2 };
using MaskKind = kernels::AttentionMask;

struct TransformerConfig {
  std::int64_t layers = 2;
  std::int64_t width = 64;
  std::int64_t heads = 4;
  std::int64_t key_value_heads = 0;  // 0: as many as heads; fewer is grouped-query attention
  std::int64_t hidden =
      0;  // feed-forward width; 0: 4 x width, for SwiGLU 8/3 x width up to a multiple of 8
  std::int64_t vocabulary = 0;
  std::int64_t context = 0;  // most tokens of a sequence
  PositionKind position = PositionKind::learned;
  NormKind norm = NormKind::layer;
  NormPlacement norm_placement = NormPlacement::pre;
  FeedForwardKind feed_forward = FeedForwardKind::gelu;
  MaskKind mask = MaskKind::causal;
  bool tied_embeddings = true;
  bool biases = true;  // of linear layers and layer norms
  bool query_key_norm = false;
  double dropout = 0.0;
  double rotary_base = 10000.0;
  // Of a model whose context was made longer: kernels::RotaryScaling. Written where the factor is
  // not 1.
  double rotary_factor = 1.0;
  double rotary_slow_turns = 1.0, rotary_fast_turns = 4.0;
  double rotary_original_context = 8192.0;
  double norm_epsilon = 1e-5;

  std::int64_t head_size() const { return width / heads; }
  kernels::RotaryScaling rotary_scaling() const {
    return {rotary_factor, rotary_slow_turns, rotary_fast_turns, rotary_original_context};
  }
  // Fills in the sizes that are 0 because they follow from others.
  TransformerConfig resolved() const;
  // Throws std::invalid_argument naming the field, what was found and what was expected.
  void validate() const;
  bool operator==(const TransformerConfig&) const = default;
};

// "gpt2-124m", "gpt2-355m", "gpt2-774m", "gpt2-1558m", "llama-1b" (Llama 3.2 1B shape),
// "bert-110m". Throws std::invalid_argument listing the names for any other.
TransformerConfig transformer_preset(const std::string& name);
std::vector<std::string> transformer_preset_names();

// Every field by its name; enumerations as words. from_json leaves absent fields alone and throws
// on unknown ones.
void to_json(nlohmann::json& json, const TransformerConfig& config);
void from_json(const nlohmann::json& json, TransformerConfig& config);

void to_json(nlohmann::json& json, const PositionKind& kind);
void from_json(const nlohmann::json& json, PositionKind& kind);
void to_json(nlohmann::json& json, const NormKind& kind);
void from_json(const nlohmann::json& json, NormKind& kind);
void to_json(nlohmann::json& json, const NormPlacement& placement);
void from_json(const nlohmann::json& json, NormPlacement& placement);
void to_json(nlohmann::json& json, const FeedForwardKind& kind);
void from_json(const nlohmann::json& json, FeedForwardKind& kind);

}  // namespace obverse::engine

namespace obverse::kernels {
void to_json(nlohmann::json& json, const AttentionMask& mask);
void from_json(const nlohmann::json& json, AttentionMask& mask);
}  // namespace obverse::kernels
