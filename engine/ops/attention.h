// Self-attention over one packed projection.
#pragma once

#include "engine/autograd/tape.h"
#include "kernels/attention/attention.h"

namespace obverse::engine {

struct AttentionOptions {
  std::int64_t heads = 1, key_value_heads = 1;
  kernels::AttentionMask mask = kernels::AttentionMask::causal;
  Tensor lengths;     // [batch] i32 in tokens, or undefined: all full
  Tensor prefixes;    // [batch] i32 in tokens, for the prefix mask
  Tensor first_keys;  // [batch, sequence] i32, for the causal mask: where each query's document
                      // starts, as kernels/attention/attention.h has it; or undefined
  Tensor slopes;      // [heads], ALiBi, or undefined
};

// packed [batch, sequence, (heads + 2 * key_value_heads) * head_size]: query heads, then key heads,
// then value heads
// -> [batch, sequence, heads * head_size]. Scores are scaled by 1 / sqrt(head_size).
Variable attention(Tape& tape, const Variable& packed, const AttentionOptions& options);

// Slopes 2^(-8 (h + 1) / heads) of Press et al. 2022, "Train short, test long", arXiv:2108.12409.
// [heads]
Tensor alibi_slopes(const Device& device, std::int64_t heads, DType dtype);

}  // namespace obverse::engine
