// Softmax cross-entropy over a vocabulary, loss and gradient in one pass over the logits: the
// gradient overwrites them, so that no second [tokens, vocabulary] array exists.
#pragma once

#include <cstdint>

#include "kernels/core/span.h"

namespace obverse::kernels {

inline constexpr std::int32_t kIgnoredTarget = -1;

// losses[t] = log(sum_v exp(logits[t, v])) - logits[t, target[t]] in nats, 0 for an ignored target.
// With write_gradient, logits[t, v] becomes weight[t] * gradient_scale * (softmax(logits[t])[v] -
// [v == target[t]]), and 0 for an ignored target.
template <typename T>
struct CrossEntropy {
  std::int64_t tokens = 0, vocabulary = 0;
  Span<const std::int32_t>
      targets;                  // [tokens]; kIgnoredTarget, or 0 <= target < vocabulary, checked
  Span<const T> weights;        // [tokens] or empty: all 1
  double gradient_scale = 1.0;  // e.g. 1 / number of targets, for a mean
  bool write_gradient = false;
  Span<T> logits;  // [tokens, vocabulary]; overwritten by its gradient where write_gradient
  Span<T> losses;  // [tokens], unweighted
};

namespace cpu {
template <typename T>
void cross_entropy(const CrossEntropy<T>& arguments);
}  // namespace cpu

}  // namespace obverse::kernels
