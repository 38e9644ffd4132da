// Scaled dot-product attention with grouped-query heads and causal, bidirectional or prefix masks.
// Forward keeps one log-sum-exp a query row; backward recomputes the scores from it (Dao et al.
// 2022, FlashAttention, arXiv:2205.14135), so no [sequence, sequence] array per head survives
// forward. Deterministic.
#pragma once

#include <cstdint>

#include "kernels/core/span.h"

namespace obverse::kernels {

enum class AttentionMask {
  causal,         // key j is visible to query i where j <= i
  bidirectional,  // every key is visible
  prefix,         // key j is visible to query i where j <= i or j < prefixes[batch]
};

// Query head h reads key/value head h / (heads / key_value_heads).
struct AttentionShape {
  std::int64_t batch = 0, sequence = 0;
  std::int64_t heads = 0, key_value_heads = 0;  // REQUIRES: key_value_heads divides heads
  std::int64_t head_size = 0;
  AttentionMask mask = AttentionMask::causal;
  double scale = 1.0;  // multiplies query . key
};

// A [batch * sequence, heads, head_size] array whose tokens are `stride` elements apart, so that
// query, key and value may be parts of one packed projection. `elements` starts at the first head
// of the first token.
template <typename T>
struct HeadView {
  Span<T> elements;
  std::int64_t stride = 0;
};

// Keys at or past a sequence's length are masked; query rows there give zeros and pass no gradient.
template <typename T>
struct AttentionForward {
  AttentionShape shape;
  HeadView<const T> query;            // heads
  HeadView<const T> key, value;       // key_value_heads
  Span<const std::int32_t> lengths;   // [batch] in tokens, or empty: all full
  Span<const std::int32_t> prefixes;  // [batch] in tokens; REQUIRES: given for the prefix mask
  Span<const T> slopes;               // [heads] or empty; ALiBi: score -= slope * |i - j|
  Span<T> out;                        // [batch, sequence, heads, head_size]; saved for backward
  Span<T> log_sum_exp;                // [batch, heads, sequence]; saved for backward
};

template <typename T>
struct AttentionBackward {
  AttentionShape shape;
  HeadView<const T> query, key, value;
  Span<const std::int32_t> lengths, prefixes;
  Span<const T> slopes;
  Span<const T> out;              // [batch, sequence, heads, head_size]
  Span<const T> log_sum_exp;      // [batch, heads, sequence]
  Span<const T> output_gradient;  // [batch, sequence, heads, head_size]
  HeadView<T> query_gradient, key_gradient,
      value_gradient;  // overwritten; alias none of the inputs
};

namespace cpu {
template <typename T>
void attention_forward(const AttentionForward<T>& arguments);
template <typename T>
void attention_backward(const AttentionBackward<T>& arguments);
}  // namespace cpu

}  // namespace obverse::kernels
