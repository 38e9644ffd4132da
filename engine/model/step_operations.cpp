#include "engine/model/step_operations.h"

namespace obverse::engine {

double step_operations(const TransformerConfig& config, std::int64_t batch, std::int64_t sequence) {
  const TransformerConfig c = config.resolved();
  const double tokens = static_cast<double>(batch * sequence);
  const double packed = static_cast<double>((c.heads + 2 * c.key_value_heads) * c.head_size());
  const double width = static_cast<double>(c.width), hidden = static_cast<double>(c.hidden);
  const double up = c.feed_forward == FeedForwardKind::swiglu ? 2 * hidden : hidden;
  const double weights = static_cast<double>(c.layers) *
                             (width * packed + width * width + width * up + hidden * width) +
                         width * static_cast<double>(c.vocabulary);
  const double visible = c.mask == MaskKind::causal ? 0.5 : 1.0;
  const double scores = static_cast<double>(c.layers) * width * static_cast<double>(sequence);
  return tokens * (6.0 * weights + 12.0 * scores * visible);
}

}  // namespace obverse::engine
