// One call of attention over a cache told by values, and what plain loops make of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/cached_attention/cached_attention.h"
#include "tests/support/random_values.h"

namespace obverse::tests {

struct CachedCase {
  kernels::CachedAttentionShape shape;
  std::vector<std::int32_t> positions, counts;
  bool alibi = false;

  static CachedCase of(std::int64_t head_size, std::int64_t heads, std::int64_t key_value_heads,
                       std::int64_t capacity, std::int64_t added,
                       const std::vector<std::int32_t>& positions,
                       const std::vector<std::int32_t>& counts = {}) {
    CachedCase c;
    c.shape = {.batch = static_cast<std::int64_t>(positions.size()),
               .added = added,
               .capacity = capacity,
               .heads = heads,
               .key_value_heads = key_value_heads,
               .head_size = head_size,
               .scale = 1.0 / std::sqrt(static_cast<double>(head_size))};
    c.positions = positions;
    c.counts = counts;
    return c;
  }

  std::int64_t width() const { return (shape.heads + 2 * shape.key_value_heads) * shape.head_size; }
  std::int64_t packed_size() const { return shape.batch * shape.added * width(); }
  std::int64_t cache_size() const {
    return shape.batch * shape.capacity * shape.key_value_heads * shape.head_size;
  }
  std::int64_t outputs() const { return shape.batch * shape.added * shape.heads * shape.head_size; }
  std::int64_t position(std::int64_t row) const { return positions[static_cast<std::size_t>(row)]; }
  std::int64_t count(std::int64_t row) const {
    return counts.empty() ? shape.added : std::int64_t{counts[static_cast<std::size_t>(row)]};
  }
  template <typename T>
  std::vector<T> slopes() const {
    std::vector<T> result;
    for (std::int64_t h = 0; alibi && h < shape.heads; ++h) {
      result.push_back(T(1) / static_cast<T>(2 << h));
    }
    return result;
  }
  std::string text() const {
    std::ostringstream out;
    out << "heads " << shape.heads << "/" << shape.key_value_heads << " of " << shape.head_size
        << ", capacity " << shape.capacity << ", added " << shape.added << ", alibi " << alibi
        << ", positions";
    for (const std::int32_t position : positions) out << " " << position;
    out << ", counts";
    for (const std::int32_t count : counts) out << " " << count;
    return out.str();
  }
};

// What the cache holds of one kind, keys or values, after the call.
template <typename T>
std::vector<T> filled_cache(const CachedCase& c, const std::vector<T>& packed, std::vector<T> cache,
                            bool values) {
  const auto& s = c.shape;
  const std::int64_t token_width = s.key_value_heads * s.head_size;
  const std::int64_t offset = s.heads * s.head_size + (values ? token_width : 0);
  for (std::int64_t row = 0; row < s.batch; ++row) {
    for (std::int64_t i = 0; i < c.count(row); ++i) {
      const std::int64_t from = (row * s.added + i) * c.width() + offset;
      const std::int64_t to = (row * s.capacity + c.position(row) + i) * token_width;
      std::copy_n(packed.begin() + from, token_width, cache.begin() + to);
    }
  }
  return cache;
}

// The output from caches that are filled already, every sum in Real.
template <typename Real, typename T>
std::vector<Real> plain_cached_attention(const CachedCase& c, const std::vector<T>& packed,
                                         const std::vector<T>& keys, const std::vector<T>& values) {
  const auto& s = c.shape;
  const auto slopes = c.slopes<Real>();
  std::vector<Real> out(static_cast<std::size_t>(c.outputs()));
  for (std::int64_t row = 0; row < s.batch; ++row) {
    for (std::int64_t i = 0; i < c.count(row); ++i) {
      for (std::int64_t head = 0; head < s.heads; ++head) {
        const std::int64_t key_head = head / (s.heads / s.key_value_heads);
        const std::int64_t token = row * s.added + i, visible = c.position(row) + i + 1;
        const auto cached = [&](std::int64_t place) {
          return static_cast<std::size_t>(
              ((row * s.capacity + place) * s.key_value_heads + key_head) * s.head_size);
        };
        const auto query = static_cast<std::size_t>(token * c.width() + head * s.head_size);
        std::vector<Real> weights;
        Real largest = -INFINITY, sum = 0;
        for (std::int64_t j = 0; j < visible; ++j) {
          Real score = 0;
          for (std::size_t d = 0; d < static_cast<std::size_t>(s.head_size); ++d) {
            score += static_cast<Real>(packed[query + d]) * static_cast<Real>(keys[cached(j) + d]);
          }
          score *= static_cast<Real>(s.scale);
          if (c.alibi) {
            score -= slopes[static_cast<std::size_t>(head)] * static_cast<Real>(visible - 1 - j);
          }
          weights.push_back(score);
          largest = std::max(largest, score);
        }
        for (Real& weight : weights) sum += weight = std::exp(weight - largest);
        const auto to = static_cast<std::size_t>((token * s.heads + head) * s.head_size);
        for (std::int64_t j = 0; j < visible; ++j) {
          const Real weight = weights[static_cast<std::size_t>(j)] / sum;
          for (std::size_t d = 0; d < static_cast<std::size_t>(s.head_size); ++d) {
            out[to + d] += weight * static_cast<Real>(values[cached(j) + d]);
          }
        }
      }
    }
  }
  return out;
}

}  // namespace obverse::tests
