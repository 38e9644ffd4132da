// Softmax cross-entropy over a vocabulary, loss and gradient in one pass over the logits: the
// gradient overwrites them, so that no second [tokens, vocabulary] array exists.
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

inline constexpr std::int32_t kIgnoredTarget = -1;

// losses[t] = log(sum_v exp(logits[t, v])) - logits[t, target[t]] in nats, 0 for an ignored target.
// With write_gradient, logits[t, v] becomes weight[t] * gradient_scale * gradient_factor *
// (softmax(logits[t])[v] - [v == target[t]]), and 0 for an ignored target.
template <typename T>
struct CrossEntropy {
  std::int64_t tokens = 0, vocabulary = 0;
  Span<const std::int32_t>
      targets;  // [tokens]; kIgnoredTarget, or 0 <= target < vocabulary, checked
  Span<const Accumulator<T>> weights;  // [tokens] or empty: all 1
  double gradient_scale = 1.0;         // e.g. 1 / number of targets, for a mean
  // [1] or empty: 1. The part of the scale that is read from memory, so that a CUDA graph takes
  // each step's own.
  Span<const Accumulator<T>> gradient_factor;
  bool write_gradient = false;
  Span<T> logits;  // [tokens, vocabulary]; overwritten by its gradient where write_gradient
  Span<Accumulator<T>> losses;  // [tokens], unweighted
};

namespace cpu {
template <typename T>
void cross_entropy(const CrossEntropy<T>& arguments);
}  // namespace cpu

// Asynchronous, for float and bf16; sums in float. Targets are in device memory, where nobody can
// throw: one that is out of range gives a loss and a gradient of NaN.
namespace cuda {
class Stream;
template <typename T>
void cross_entropy(const CrossEntropy<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
