// The training loss, and per-token losses for evaluation.
#pragma once

#include "engine/autograd/tape.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace obverse::engine {

// The weighted mean over targets of -log softmax(logits)[target], in nats: sum_t w_t loss_t /
// normalizer. Ignored targets (kIgnoredTarget) count nothing. In training the logits' memory is
// consumed: it holds their gradient afterwards.
//   logits [batch, sequence, vocabulary], targets [batch, sequence] i32, weights like targets or
//   undefined: all 1
// normalizer: usually the sum of the targets' weights, over all micro-batches of a step. `factor`
// [1] is undefined, 1, or multiplies the loss: what a CUDA graph is to take from memory. weights,
// factor and loss are of accumulator_of() the logits' type.
Variable cross_entropy(Tape& tape, const Variable& logits, const Tensor& targets,
                       const Tensor& weights, double normalizer, const Tensor& factor = Tensor());

// Each token's loss in nats, 0 for an ignored target; leaves the logits alone. -> [batch, sequence]
Tensor token_losses(const Tensor& logits, const Tensor& targets);

}  // namespace obverse::engine
