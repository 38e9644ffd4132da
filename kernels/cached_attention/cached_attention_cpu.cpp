#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/cached_attention/cached_attention.h"
#include "kernels/cached_attention/cached_attention_check.h"
#include "kernels/core/math.h"
#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"

namespace obverse::kernels::cpu {
namespace {

template <typename T>
std::int64_t count_of(const CachedAttention<T>& x, std::int64_t row) {
  return x.counts.empty() ? x.shape.added : std::int64_t{x.counts[row]};
}

template <typename T>
void check(const CachedAttention<T>& x, bool attends) {
  check_cached_attention(x, attends);
  for (std::int64_t row = 0; row < x.shape.batch; ++row) {
    const std::int64_t position = x.positions[row], count = count_of(x, row);
    require(count >= 0 && count <= x.shape.added, "[cached_attention] expected counts in [0, ",
            x.shape.added, "], got ", count, " for row ", row);
    require(position >= 0 && position + count <= x.shape.capacity,
            "[cached_attention] expected positions of at least 0 and, with ", count,
            " new tokens, at most ", x.shape.capacity - count, ", got ", position, " for row ",
            row);
  }
}

// One head of one row's cache: the elements of its first token, and how far tokens are apart.
template <typename T>
struct CachedHead {
  T* key;
  T* value;
  std::int64_t stride;
};

template <typename T>
CachedHead<T> cached_head(const CachedAttention<T>& x, std::int64_t row, std::int64_t key_head) {
  const CachedAttentionShape& s = x.shape;
  const std::int64_t stride = s.key_value_heads * s.head_size;
  const std::int64_t begin = row * s.capacity * stride + key_head * s.head_size;
  return {x.cache_key.data() + begin, x.cache_value.data() + begin, stride};
}

// The new tokens' keys and values of one head.
template <typename T>
void fill_head(const CachedAttention<T>& x, std::int64_t row, std::int64_t key_head) {
  const CachedAttentionShape& s = x.shape;
  const CachedHead<T> cache = cached_head(x, row, key_head);
  for (std::int64_t i = 0; i < count_of(x, row); ++i) {
    const T* token = x.packed.data() + (row * s.added + i) * packed_width(s);
    const T* key = token + (s.heads + key_head) * s.head_size;
    const std::int64_t to = (x.positions[row] + i) * cache.stride;
    std::copy_n(key, s.head_size, cache.key + to);
    std::copy_n(key + s.key_value_heads * s.head_size, s.head_size, cache.value + to);
  }
}

// scores[j] = query . rows[j]; several rows at a time, so that their sums over lanes overlap.
template <typename T>
void multiply(const T* query, const T* rows, std::int64_t stride, std::int64_t count,
              std::int64_t size, T* scores) {
  std::int64_t j = 0;
  for (; j + 4 <= count; j += 4) {
    const T* a = rows + j * stride;
    const T *b = a + stride, *c = b + stride, *d = c + stride;
    T sum_a = 0, sum_b = 0, sum_c = 0, sum_d = 0;
#pragma omp simd reduction(+ : sum_a, sum_b, sum_c, sum_d)
    for (std::int64_t i = 0; i < size; ++i) {
      sum_a += query[i] * a[i];
      sum_b += query[i] * b[i];
      sum_c += query[i] * c[i];
      sum_d += query[i] * d[i];
    }
    scores[j] = sum_a;
    scores[j + 1] = sum_b;
    scores[j + 2] = sum_c;
    scores[j + 3] = sum_d;
  }
  for (; j < count; ++j) {
    const T* a = rows + j * stride;
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < size; ++i) sum += query[i] * a[i];
    scores[j] = sum;
  }
}

// out += sum of weights[j] * rows[j]; several rows at a time, so that `out` is loaded and stored
// less often.
template <typename T>
void add_weighted(const T* weights, const T* rows, std::int64_t stride, std::int64_t count,
                  std::int64_t size, T* out) {
  std::int64_t j = 0;
  for (; j + 4 <= count; j += 4) {
    const T* a = rows + j * stride;
    const T *b = a + stride, *c = b + stride, *d = c + stride;
    const T* w = weights + j;
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i) {
      out[i] += (w[0] * a[i] + w[1] * b[i]) + (w[2] * c[i] + w[3] * d[i]);
    }
  }
  for (; j < count; ++j) {
    const T* a = rows + j * stride;
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i) out[i] += weights[j] * a[i];
  }
}

// Scores into weights that are not divided by their sum yet, which is returned.
template <typename T>
T weigh(T* scores, std::int64_t visible, T scale, T slope) {
  T largest = -std::numeric_limits<T>::infinity();
  for (std::int64_t j = 0; j < visible; ++j) {
    scores[j] = scale * scores[j] - slope * static_cast<T>(visible - 1 - j);
    largest = scores[j] > largest ? scores[j] : largest;
  }
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = 0; j < visible; ++j) {
    scores[j] = kernels::exp(scores[j] - largest);
    sum += scores[j];
  }
  return sum;
}

// One new token's queries of a key/value head: block by block of keys, and then of values, so that
// all of them find it in the nearest cache. `scores` has room for `visible` of each query.
template <typename T>
void attend(const CachedAttention<T>& x, std::int64_t token, std::int64_t key_head,
            const CachedHead<T>& cache, std::int64_t visible, T* scores) {
  constexpr std::int64_t kBlock = 64;
  const CachedAttentionShape& s = x.shape;
  const std::int64_t group = s.heads / s.key_value_heads, first = key_head * group;
  const T* query = x.packed.data() + token * packed_width(s) + first * s.head_size;
  T* out = x.out.data() + (token * s.heads + first) * s.head_size;
  for (std::int64_t begin = 0; begin < visible; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, visible - begin);
    for (std::int64_t i = 0; i < group; ++i) {
      multiply(query + i * s.head_size, cache.key + begin * cache.stride, cache.stride, count,
               s.head_size, scores + i * visible + begin);
    }
  }
  std::fill_n(out, group * s.head_size, T(0));
  for (std::int64_t i = 0; i < group; ++i) {
    const T slope = x.slopes.empty() ? T(0) : x.slopes[first + i];
    const T inverse = T(1) / weigh(scores + i * visible, visible, static_cast<T>(s.scale), slope);
    for (std::int64_t j = 0; j < visible; ++j) scores[i * visible + j] *= inverse;
  }
  for (std::int64_t begin = 0; begin < visible; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, visible - begin);
    for (std::int64_t i = 0; i < group; ++i) {
      add_weighted(scores + i * visible + begin, cache.value + begin * cache.stride, cache.stride,
                   count, s.head_size, out + i * s.head_size);
    }
  }
}

template <typename T>
void attend_head(const CachedAttention<T>& x, std::int64_t row, std::int64_t key_head) {
  const CachedAttentionShape& s = x.shape;
  const CachedHead<T> cache = cached_head(x, row, key_head);
  const std::int64_t group = s.heads / s.key_value_heads, count = count_of(x, row);
  Scratch<T> scratch(group * s.capacity);
  T* scores = scratch.take(group * s.capacity);
  for (std::int64_t i = 0; i < s.added; ++i) {
    const std::int64_t token = row * s.added + i;
    if (i < count) {
      attend(x, token, key_head, cache, x.positions[row] + i + 1, scores);
    } else {
      std::fill_n(x.out.data() + (token * s.heads + key_head * group) * s.head_size,
                  group * s.head_size, T(0));
    }
  }
}

}  // namespace

template <typename T>
void cached_attention(const CachedAttention<T>& x) {
  check(x, true);
  const CachedAttentionShape& s = x.shape;
  std::int64_t keys = 0;
  for (std::int64_t row = 0; row < s.batch; ++row) {
    keys = std::max(keys, x.positions[row] + count_of(x, row));
  }
  // About 20 us of work for a thread at least, at 20 operations a nanosecond.
  const std::int64_t operations = 4 * (s.heads / s.key_value_heads) * s.added * keys * s.head_size;
  parallel_for(
      s.batch * s.key_value_heads, 400000 / (operations + 1) + 1,
      [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          fill_head(x, i / s.key_value_heads, i % s.key_value_heads);
          attend_head(x, i / s.key_value_heads, i % s.key_value_heads);
        }
      },
      [&] { Scratch<T>::reserve(s.heads / s.key_value_heads * s.capacity); });
}

template <typename T>
void fill_cache(const CachedAttention<T>& x) {
  check(x, false);
  const CachedAttentionShape& s = x.shape;
  parallel_for(s.batch * s.key_value_heads, 32768 / (s.added * s.head_size) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   fill_head(x, i / s.key_value_heads, i % s.key_value_heads);
                 }
               });
}

template void cached_attention(const CachedAttention<float>&);
template void cached_attention(const CachedAttention<double>&);
template void fill_cache(const CachedAttention<float>&);
template void fill_cache(const CachedAttention<double>&);

}  // namespace obverse::kernels::cpu
