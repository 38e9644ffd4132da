// What the kernels of attention over a cache share: who reads what of a head, what a row's tokens
// see, and a softmax that is computed in parts.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cached_attention/cached_attention.h"
#include "kernels/core/floats.cuh"
#include "kernels/core/math.h"
#include "kernels/core/ptx.cuh"

namespace obverse::kernels::cuda::cached_attention_parts {

inline constexpr int kThreads = 128, kWarps = kThreads / kWarpSize;
inline constexpr int kRun = 128;
inline constexpr int kAtOnce = 4;  // keys that a group of lanes has under way

// How lanes share heads of up to `head` elements.
template <typename T, int head>
struct Lanes {
  static constexpr int kElements =
      Vector16<T>::kCount > head / kWarpSize ? Vector16<T>::kCount : head / kWarpSize;
  static constexpr int kCount = head / kElements;  // of a group
  static constexpr int kGroups = kWarpSize / kCount;
};

template <typename T>
struct Launch {
  CachedAttention<T> call;
  bool aligned = false;  // every head begins at a multiple of 16 bytes
  int first_token = 0, tokens = 0, runs = 0;
  // What a run of keys adds to a query's output, and its softmax's maximum and sum:
  // [batch, tokens, heads, runs, head_size] and [.., 2]. Of rows of several runs alone.
  Span<float> mixed, softmax;
};

struct Row {
  int position = 0, count = 0;
  bool fits = true;
  // Keys that token i sees: none where it is padding or its row does not fit.
  __device__ __forceinline__ int visible(int token) const {
    return fits && token < count ? position + token + 1 : 0;
  }
};

template <typename T>
__device__ __forceinline__ Row row_of(const CachedAttention<T>& x, int batch) {
  const int added = static_cast<int>(x.shape.added);
  Row row{x.positions[batch], added, true};
  if (!x.counts.empty()) {
    const int count = x.counts[batch];
    row.count = count < 0 ? 0 : count < added ? count : added;
  }
  row.fits = row.position >= 0 && row.position <= x.shape.capacity - row.count;
  return row;
}

// Elements `first` and on of a head's `size`, zero behind its end.
template <int count, typename T>
__device__ __forceinline__ void load_part(float (&values)[count], Span<T> heads,
                                          std::int64_t head_begin, int first, int size,
                                          bool aligned) {
  if (aligned && first + count <= size) {
    load_floats(values, heads, head_begin + first);
    return;
  }
  OBVERSE_UNROLL
  for (int i = 0; i < count; ++i) {
    values[i] = first + i < size ? static_cast<float>(heads[head_begin + first + i]) : 0.0f;
  }
}

// In bf16 the approximate exponential's error is far below a rounding.
template <typename T>
__device__ __forceinline__ float exponential(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return expf(x);
  } else {
    return kernels::exp(x);
  }
}

// A softmax under way: the values' sum, weighted, and what it is to be divided by. `maximum` is
// finite where there is nothing yet, so that differences of two such are no NaN.
template <typename T, int count>
struct Softmax {
  float maximum = std::numeric_limits<float>::lowest(), sum = 0.0f;
  float mixed[count] = {};

  __device__ __forceinline__ void rescale(float to) {
    const float scale = exponential<T>(maximum - to);
    sum *= scale;
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) mixed[i] *= scale;
    maximum = to;
  }
  // With that of the lane whose index differs by `bits`.
  __device__ __forceinline__ void join(int bits) {
    rescale(std::fmax(maximum, shuffle_xor(kFullMask, maximum, bits)));
    sum += shuffle_xor(kFullMask, sum, bits);
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) mixed[i] += shuffle_xor(kFullMask, mixed[i], bits);
  }
};

template <int head, int queries>
struct Shared {
  SharedArray<float, kWarps * queries> maximum, sum;
  SharedArray<float, kWarps * queries * head> mixed;
};

// The queries of a block: `queries` of the pairs (token, head of the group).
struct Queries {
  int batch, key_head, first, group, first_token, tokens;

  __device__ __forceinline__ bool exists(int i) const { return first + i < group * tokens; }
  __device__ __forceinline__ int token(int i) const { return first_token + (first + i) / group; }
  __device__ __forceinline__ int head(int i) const {
    return key_head * group + (first + i) % group;
  }
};

}  // namespace obverse::kernels::cuda::cached_attention_parts
