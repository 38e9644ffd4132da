#include "engine/generation/token_choice.h"

#include <cmath>

namespace obverse::engine {

HostLogits::HostLogits(const Tensor& logits) : vocabulary_(logits.size(-1)) {
  if (logits.dtype() == DType::f32) {
    values_ = logits.to_vector<float>();
    return;
  }
  for (const double value : logits.to_doubles()) values_.push_back(static_cast<float>(value));
}

void exclude_tokens(kernels::Span<float> logits, const std::vector<std::int32_t>& tokens) {
  for (const std::int32_t token : tokens) logits[token] = -INFINITY;
}

void require_tokens(const char* operation, const char* what,
                    const std::vector<std::int32_t>& tokens, std::int64_t vocabulary) {
  for (const std::int32_t token : tokens) {
    require(token >= 0 && token < vocabulary, "[", operation, "] expected ", what,
            " of at least 0 and below ", vocabulary, ", got ", token);
  }
}

}  // namespace obverse::engine
