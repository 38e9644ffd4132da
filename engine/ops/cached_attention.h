// Attention of new tokens over a cache of keys and values; see kernels/cached_attention.
#pragma once

#include <cstdint>

#include "engine/autograd/tape.h"

namespace obverse::engine {

// One layer's cache, and where its rows' new tokens belong.
struct CachedKeys {
  Tensor key, value;  // [batch, capacity, key_value_heads, head_size]
  Tensor positions;   // [batch] i32: tokens that the cache holds
  Tensor counts;      // [batch] i32: new tokens that are no padding, or undefined: all
};

// packed [batch, added, (heads + 2 * key_value_heads) * head_size]: query heads, then key heads,
// then value heads -> [batch, added, heads * head_size]. Writes the new keys and values to the
// cache. `slopes`: [heads], ALiBi, or undefined. REQUIRES: nothing is recorded, since nothing of it
// can be differentiated.
Variable cached_attention(Tape& tape, const Variable& packed, const CachedKeys& cache,
                          std::int64_t heads, const Tensor& slopes);

// Only writes the new keys and values.
void fill_cache(const Tensor& packed, const CachedKeys& cache, std::int64_t heads);

}  // namespace obverse::engine
