// What both backends ask of the arguments, without reading the arrays.
#pragma once

#include <cstdint>

#include "kernels/cached_attention/cached_attention.h"
#include "kernels/core/check.h"
#include "kernels/core/qualifiers.h"

namespace obverse::kernels {

// Elements between two tokens of the packed projection.
OBVERSE_HOST_DEVICE inline std::int64_t packed_width(const CachedAttentionShape& s) {
  return (s.heads + 2 * s.key_value_heads) * s.head_size;
}

template <typename T>
void check_cached_attention(const CachedAttention<T>& x, bool attends) {
  const CachedAttentionShape& s = x.shape;
  constexpr const char* kName = "cached_attention";
  require(s.batch > 0 && s.added > 0 && s.capacity > 0 && s.heads > 0 && s.key_value_heads > 0 &&
              s.head_size > 0,
          "[cached_attention] expected sizes above 0, got batch ", s.batch, ", added ", s.added,
          ", capacity ", s.capacity, ", heads ", s.heads, ", key_value_heads ", s.key_value_heads,
          ", head_size ", s.head_size);
  require(s.heads % s.key_value_heads == 0,
          "[cached_attention] expected key_value_heads to divide heads, got ", s.key_value_heads,
          " and ", s.heads);
  const std::int64_t cache = s.batch * s.capacity * s.key_value_heads * s.head_size;
  require_size(kName, "packed", s.batch * s.added * packed_width(s), x.packed.size());
  require_size(kName, "positions", s.batch, x.positions.size());
  require_size_or_empty(kName, "counts", s.batch, x.counts.size());
  require_size_or_empty(kName, "slopes", s.heads, x.slopes.size());
  require_size(kName, "cache_key", cache, x.cache_key.size());
  require_size(kName, "cache_value", cache, x.cache_value.size());
  if (attends) require_size(kName, "out", s.batch * s.added * s.heads * s.head_size, x.out.size());
}

}  // namespace obverse::kernels
