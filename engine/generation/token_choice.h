// What the ways of generating text share: a model's logits on the host, and the choice of a token.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/generation/sampling.h"
#include "engine/tensor/tensor.h"

namespace obverse::engine {

// Rows of logits, copied from the device once.
class HostLogits {
 public:
  // [..., vocabulary], f32 or f64.
  explicit HostLogits(const Tensor& logits);
  std::int64_t vocabulary() const { return vocabulary_; }
  // May be written, as excluding tokens does.
  kernels::Span<float> row(std::int64_t index) {
    return {values_.data() + index * vocabulary_, vocabulary_};
  }

 private:
  std::int64_t vocabulary_;
  std::vector<float> values_;
};

// `tokens` cannot be chosen any more.
void exclude_tokens(kernels::Span<float> logits, const std::vector<std::int32_t>& tokens);

// Throws std::invalid_argument where a token is not one of the vocabulary's.
void require_tokens(const char* operation, const char* what,
                    const std::vector<std::int32_t>& tokens, std::int64_t vocabulary);

}  // namespace obverse::engine
