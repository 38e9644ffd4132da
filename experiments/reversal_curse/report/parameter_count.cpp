#include "experiments/reversal_curse/report/parameter_count.h"

#include "engine/model/transformer_config.h"

namespace obverse::reversal::report {

std::optional<std::int64_t> parameter_count(const nlohmann::json& architecture) {
  engine::TransformerConfig c;
  try {
    c = architecture.get<engine::TransformerConfig>();
    c.validate();
    c = c.resolved();
  } catch (const std::exception&) {
    return std::nullopt;
  }
  const auto with_bias = [&c](std::int64_t outputs, std::int64_t inputs) {
    return outputs * inputs + (c.biases ? outputs : 0);
  };
  const bool norm_biases = c.norm == engine::NormKind::layer && c.biases;
  const std::int64_t norm = c.width * (norm_biases ? 2 : 1);
  const std::int64_t packed = (c.heads + 2 * c.key_value_heads) * c.head_size();
  const bool gated = c.feed_forward == engine::FeedForwardKind::swiglu;
  const std::int64_t block =
      2 * norm + with_bias(packed, c.width) + (c.query_key_norm ? 2 * c.head_size() : 0) +
      with_bias(c.width, c.width) + with_bias(gated ? 2 * c.hidden : c.hidden, c.width) +
      with_bias(c.width, c.hidden);
  const std::int64_t positions =
      c.position == engine::PositionKind::learned ? c.context * c.width : 0;
  const std::int64_t tables = (c.tied_embeddings ? 1 : 2) * c.vocabulary * c.width;
  return tables + positions + c.layers * block + norm;
}

}  // namespace obverse::reversal::report
