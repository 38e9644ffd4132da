// Scaled dot-product attention with grouped-query heads and causal, bidirectional or prefix masks,
// the causal one also for several documents in one sequence that do not see each other.
// Forward keeps one log-sum-exp a query row; backward recomputes the scores from it (Dao et al.
// 2022, FlashAttention, arXiv:2205.14135), so no [sequence, sequence] array per head survives
// forward. Deterministic, but for backward where that is given up.
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/qualifiers.h"
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

// What one sequence's queries see: under every mask the keys of [first_key(query), keys(query)).
template <typename Index>
struct AttentionVisibility {
  AttentionMask mask = AttentionMask::causal;
  Index length = 0, prefix = 0;
  Span<const std::int32_t> first_keys;  // [sequence] or empty, AttentionForward's

  OBVERSE_HOST_DEVICE constexpr Index keys(Index query) const {
    if (query >= length) return 0;
    if (mask == AttentionMask::bidirectional) return length;
    Index count = query + 1;
    if (mask == AttentionMask::prefix && prefix > count) count = prefix;
    return count < length ? count : length;
  }
  // Of queries below `length`. Never falls along the sequence, and is at most the query itself.
  OBVERSE_HOST_DEVICE constexpr Index first_key(Index query) const {
    if (first_keys.empty()) return 0;
    const Index first = first_keys[query];
    return first < 0 ? 0 : first < query ? first : query;
  }
  // The first key that any query of [begin, end) sees, which the last of them need not.
  OBVERSE_HOST_DEVICE constexpr Index first_key(Index begin, Index end) const {
    return begin < end && begin < length ? first_key(begin) : 0;
  }
  // The first key that all queries of [begin, end) see, if they see it at all.
  OBVERSE_HOST_DEVICE constexpr Index first_key_of_all(Index begin, Index end) const {
    return begin < end && begin < length ? first_key((end < length ? end : length) - 1) : 0;
  }
  // The most that any query of [begin, end) sees.
  OBVERSE_HOST_DEVICE constexpr Index keys(Index begin, Index end) const {
    return begin >= length ? 0 : keys((end < length ? end : length) - 1);
  }
  // The first query that sees `key`; `length` where none does.
  OBVERSE_HOST_DEVICE constexpr Index first_query(Index key) const {
    if (key >= length) return length;
    return mask == AttentionMask::causal || (mask == AttentionMask::prefix && key >= prefix) ? key
                                                                                             : 0;
  }
  // Where the queries that see `key` end. A search, because queries know their keys alone.
  OBVERSE_HOST_DEVICE constexpr Index end_of_queries(Index key) const {
    if (first_keys.empty() || key >= length) return length;
    Index begin = key + 1, end = length;
    while (begin < end) {
      const Index middle = begin + (end - begin) / 2;
      if (first_key(middle) > key) {
        end = middle;
      } else {
        begin = middle + 1;
      }
    }
    return begin;
  }
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
//
// first_keys cut a sequence into documents: each query's is where its own document starts, and it
// sees no key before. REQUIRES, for queries below the length: 0 <= first_keys[b, i] <= i, and
// first_keys[b, i] never falls as i grows. Blocks of keys that no query of a block sees cost
// nothing. Causal masks alone: under the others a query's document would also have to end
// somewhere, which first_keys do not say without a search for every query.
template <typename T>
struct AttentionForward {
  AttentionShape shape;
  HeadView<const T> query;              // heads
  HeadView<const T> key, value;         // key_value_heads
  Span<const std::int32_t> lengths;     // [batch] in tokens, or empty: all full
  Span<const std::int32_t> prefixes;    // [batch] in tokens; REQUIRES: given for the prefix mask
  Span<const std::int32_t> first_keys;  // [batch, sequence] or empty: all 0
  Span<const Accumulator<T>> slopes;    // [heads] or empty; ALiBi: score -= slope * |i - j|
  Span<T> out;                          // [batch, sequence, heads, head_size]; saved for backward
  Span<Accumulator<T>> log_sum_exp;     // [batch, heads, sequence]; saved for backward
};

template <typename T>
struct AttentionBackward {
  AttentionShape shape;
  HeadView<const T> query, key, value;
  Span<const std::int32_t> lengths, prefixes, first_keys;
  Span<const Accumulator<T>> slopes;
  Span<const T> out;                       // [batch, sequence, heads, head_size]
  Span<const Accumulator<T>> log_sum_exp;  // [batch, heads, sequence]
  Span<const T> output_gradient;           // [batch, sequence, heads, head_size]
  HeadView<T> query_gradient, key_gradient,
      value_gradient;  // overwritten; alias none of the inputs
  // The same bits on every run. Giving it up lets the CUDA kernels add up the query gradient with
  // atomic additions, five products of the scores' size instead of seven.
  bool deterministic = true;
};

namespace cpu {
template <typename T>
void attention_forward(const AttentionForward<T>& arguments);
template <typename T>
void attention_backward(const AttentionBackward<T>& arguments);
}  // namespace cpu

// For float and bf16; head sizes up to 256 forward and 128 backward, a scale above 0. Heads that
// start at multiples of 16 bytes (pointer, stride and head size) load fastest. Lengths, prefixes
// and first keys are in device memory and so cannot be checked: they count as if clamped to [0,
// sequence] and to [0, query]. Where first keys fall along a sequence its results mean nothing, and
// nothing outside of the arrays is touched. Backward takes its row sums, one float a query row, and
// without `deterministic` a float for each element of the query gradient from the stream's caching
// allocator for as long as it runs, so that callers need not know which mode and type want how
// much.
namespace cuda {
class Stream;
inline constexpr std::int64_t kMostTrainedHeadSize = 128;
template <typename T>
void attention_forward(const AttentionForward<T>& arguments, Stream& stream);
template <typename T>
void attention_backward(const AttentionBackward<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
