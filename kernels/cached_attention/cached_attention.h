// Attention of a few new tokens a row over the keys and values of all tokens before them, which a
// cache holds: what generating a text token by token needs. Forward only, causal, with
// grouped-query heads. On CUDA each block has a fixed run of keys and another kernel joins what
// they found ("Flash-Decoding", Dao et al. 2023), so that a row's bits depend neither on the device
// nor on the rows beside it.
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

// Query head h reads key/value head h / (heads / key_value_heads).
struct CachedAttentionShape {
  std::int64_t batch = 0, added = 0;            // rows, and new tokens of each
  std::int64_t capacity = 0;                    // tokens that the cache has room for in each row
  std::int64_t heads = 0, key_value_heads = 0;  // REQUIRES: key_value_heads divides heads
  std::int64_t head_size = 0;
  double scale = 1.0;  // multiplies query . key
};

// Row b's new token i has place positions[b] + i. Its key and value are written to the cache there,
// and it attends to all places up to its own. Tokens from counts[b] on are padding: nothing of them
// is written, and their output is zero.
template <typename T>
struct CachedAttention {
  CachedAttentionShape shape;
  // [batch, added, (heads + 2 key_value_heads) * head_size]: query, key and value heads
  Span<const T> packed;
  // [batch]: tokens in the cache. REQUIRES: 0 <= position, position + count <= capacity
  Span<const std::int32_t> positions;
  Span<const std::int32_t> counts;    // [batch] in [0, added], or empty: all tokens are new
  Span<const Accumulator<T>> slopes;  // [heads] or empty; ALiBi: score -= slope * distance
  Span<T> cache_key, cache_value;     // [batch, capacity, key_value_heads, head_size]
  Span<T> out;  // [batch, added, heads, head_size]; may be empty for fill_cache
};

namespace cpu {
template <typename T>
void cached_attention(const CachedAttention<T>& arguments);
// Only writes the new keys and values: of a whole text, whose tokens attend to one another by the
// attention of training.
template <typename T>
void fill_cache(const CachedAttention<T>& arguments);
}  // namespace cpu

// Asynchronous, for float and bf16; head sizes up to 256. Positions and counts are in device
// memory, where nobody can throw: counts are clamped, and a row that does not fit the cache writes
// nothing there and gives NaNs. Partial results of long caches are in memory of the stream's
// caching allocator while it runs.
namespace cuda {
class Stream;
template <typename T>
void cached_attention(const CachedAttention<T>& arguments, Stream& stream);
template <typename T>
void fill_cache(const CachedAttention<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
