// A block has a run of kRun keys of one row and key/value head, and a few of the queries that share
// that head. A group of neighbouring lanes reads a key, sixteen bytes each, so that a warp has
// several keys at a time and its loads are whole lines; each group keeps a softmax of its own, and
// they are joined at the end: groups of a warp by shuffles, warps through shared memory, runs by
// another kernel. Runs begin at fixed places: nothing depends on what else is computed.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/cached_attention/cached_attention.h"
#include "kernels/cached_attention/cached_attention_check.h"
#include "kernels/cached_attention/cached_attention_parts.cuh"
#include "kernels/core/device_memory.h"
#include "kernels/core/division.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"

namespace obverse::kernels::cuda {

using namespace cached_attention_parts;  // this file's own

namespace {

// A grid's most blocks in its second and third dimension.
constexpr std::int64_t kMostBlocksAcross = 65535;

// Copies a key/value head of the new tokens whose places are in [begin, end).
template <typename T>
__device__ __forceinline__ void fill_run(const CachedAttention<T>& x, const Row& row, int batch,
                                         int key_head, int begin, int end) {
  const CachedAttentionShape& s = x.shape;
  const int size = static_cast<int>(s.head_size);
  const int first = begin > row.position ? begin : row.position;
  const int last = end < row.position + row.count ? end : row.position + row.count;
  for (int i = thread_index().x; i < (last - first) * size; i += kThreads) {
    const int place = first + i / size, d = i % size;
    const std::int64_t token = batch * s.added + place - row.position;
    const std::int64_t from = token * packed_width(s) + (s.heads + key_head) * size + d;
    const std::int64_t to =
        ((batch * s.capacity + place) * s.key_value_heads + key_head) * size + d;
    x.cache_key[to] = x.packed[from];
    x.cache_value[to] = x.packed[from + s.key_value_heads * size];
  }
}

// The softmaxes of a group of lanes over its keys of [begin, end).
template <int head, int queries, typename T>
__device__ __forceinline__ void attend_run(
    const Launch<T>& launch, const Row& row, const Queries& of, int begin, int end,
    Softmax<T, Lanes<T, head>::kElements> (&results)[queries]) {
  using L = Lanes<T, head>;
  constexpr int kElements = L::kElements, kStep = kWarps * L::kGroups;
  const CachedAttention<T>& x = launch.call;
  const CachedAttentionShape& s = x.shape;
  const int size = static_cast<int>(s.head_size);
  const int part = lane_index() % L::kCount * kElements;
  const std::int64_t width = packed_width(s), tokens_begin = of.batch * s.added;
  float query[queries][kElements], slope[queries];
  int visible[queries];
  OBVERSE_UNROLL
  for (int i = 0; i < queries; ++i) {
    visible[i] = of.exists(i) ? row.visible(of.token(i)) : 0;
    const int token = of.exists(i) ? of.token(i) : of.first_token;
    const int query_head = of.exists(i) ? of.head(i) : of.key_head * of.group;
    slope[i] = x.slopes.empty() ? 0.0f : x.slopes[query_head];
    load_part(query[i], x.packed, (tokens_begin + token) * width + query_head * size, part, size,
              launch.aligned);
    OBVERSE_UNROLL
    for (int e = 0; e < kElements; ++e) query[i][e] *= static_cast<float>(s.scale);
  }
  OBVERSE_NO_UNROLL
  for (int base = begin + warp_index() * L::kGroups; base < end; base += kAtOnce * kStep) {
    float key[kAtOnce][kElements] = {}, value[kAtOnce][kElements] = {};
    const int first = base + lane_index() / L::kCount;
    OBVERSE_UNROLL
    for (int u = 0; u < kAtOnce; ++u) {
      const int place = first + u * kStep;
      if (place >= end) continue;
      // The new tokens' are read where they come from: another block may be writing them.
      if (place < row.position) {
        const std::int64_t at =
            ((of.batch * s.capacity + place) * s.key_value_heads + of.key_head) * size;
        load_part(key[u], x.cache_key, at, part, size, launch.aligned);
        load_part(value[u], x.cache_value, at, part, size, launch.aligned);
      } else {
        const std::int64_t at =
            (tokens_begin + place - row.position) * width + (s.heads + of.key_head) * size;
        load_part(key[u], x.packed, at, part, size, launch.aligned);
        load_part(value[u], x.packed, at + s.key_value_heads * size, part, size, launch.aligned);
      }
    }
    OBVERSE_UNROLL
    for (int i = 0; i < queries; ++i) {
      float scores[kAtOnce], largest = results[i].maximum;
      OBVERSE_UNROLL
      for (int u = 0; u < kAtOnce; ++u) {
        float sum = 0.0f;
        OBVERSE_UNROLL
        for (int e = 0; e < kElements; ++e) sum += query[i][e] * key[u][e];
        OBVERSE_UNROLL
        for (int bits = L::kCount / 2; bits > 0; bits /= 2) {
          sum += shuffle_xor(kFullMask, sum, bits);
        }
        const int place = first + u * kStep;
        scores[u] = sum - slope[i] * static_cast<float>(visible[i] - 1 - place);
        if (place < visible[i]) largest = std::fmax(largest, scores[u]);
      }
      results[i].rescale(largest);
      OBVERSE_UNROLL
      for (int u = 0; u < kAtOnce; ++u) {
        const bool sees = first + u * kStep < visible[i] && first + u * kStep < end;
        const float weight = sees ? exponential<T>(scores[u] - largest) : 0.0f;
        results[i].sum += weight;
        OBVERSE_UNROLL
        for (int e = 0; e < kElements; ++e) results[i].mixed[e] += weight * value[u][e];
      }
    }
  }
  OBVERSE_UNROLL
  for (int i = 0; i < queries; ++i) {
    OBVERSE_UNROLL
    for (int bits = L::kCount; bits < kWarpSize; bits *= 2) results[i].join(bits);
  }
}

// Joins the warps' softmaxes, and writes the output of queries that see one run, else the run's
// part.
template <int head, int queries, typename T>
__device__ __forceinline__ void store_run(const Launch<T>& launch, const Row& row,
                                          const Queries& of, Shared<head, queries>& shared,
                                          int run) {
  const CachedAttention<T>& x = launch.call;
  const int size = static_cast<int>(x.shape.head_size);
  const auto maxima = shared.maximum.span(), sums = shared.sum.span(), mixed = shared.mixed.span();
  OBVERSE_NO_UNROLL
  for (int at = thread_index().x; at < queries * size; at += kThreads) {
    const int i = at / size, d = at % size;
    if (!of.exists(i)) continue;
    float maximum = maxima.load(i), sum = 0.0f, value = 0.0f;
    OBVERSE_UNROLL
    for (int warp = 1; warp < kWarps; ++warp) {
      maximum = std::fmax(maximum, maxima.load(warp * queries + i));
    }
    OBVERSE_UNROLL
    for (int warp = 0; warp < kWarps; ++warp) {
      const float scale = exponential<T>(maxima.load(warp * queries + i) - maximum);
      sum += scale * sums.load(warp * queries + i);
      value += scale * mixed.load((warp * queries + i) * head + d);
    }
    const int visible = row.visible(of.token(i));
    const std::int64_t heads = x.shape.heads;
    if (visible <= kRun) {
      if (run > 0) continue;
      const float nothing = row.fits ? 0.0f : std::numeric_limits<float>::quiet_NaN();
      const std::int64_t token = of.batch * x.shape.added + of.token(i);
      x.out[(token * heads + of.head(i)) * size + d] = T(visible > 0 ? value / sum : nothing);
    } else if (run * kRun < visible) {
      const std::int64_t token =
          std::int64_t{of.batch} * launch.tokens + of.token(i) - launch.first_token;
      const std::int64_t part = (token * heads + of.head(i)) * launch.runs + run;
      launch.mixed[part * size + d] = value;
      if (d == 0) launch.softmax[2 * part] = maximum;
      if (d == 0) launch.softmax[2 * part + 1] = sum;
    }
  }
}

// Block (run, key head and part of its queries, row).
template <typename T, int head, int queries>
__global__ void __launch_bounds__(kThreads) attend_kernel(Launch<T> launch) {
  using L = Lanes<T, head>;
  auto& shared = shared_memory<Shared<head, queries>>();
  const CachedAttention<T>& x = launch.call;
  const int group = static_cast<int>(x.shape.heads / x.shape.key_value_heads);
  const int parts = quotient_up(group * launch.tokens, queries);
  const int run = block_index().x, part = block_index().y % parts;
  const Queries of{block_index().z, block_index().y / parts, part * queries,
                   group,           launch.first_token,      launch.tokens};
  const Row row = row_of(x, of.batch);
  const int begin = run * kRun;
  if (part == 0 && launch.first_token == 0 && row.fits) {
    fill_run(x, row, of.batch, of.key_head, begin, begin + kRun);
  }
  // Later tokens see more; those behind the row's count nothing.
  int end = 0;
  OBVERSE_UNROLL
  for (int i = 0; i < queries; ++i) {
    const int visible = of.exists(i) ? row.visible(of.token(i)) : 0;
    end = visible > end ? visible : end;
  }
  if (run > 0 && begin >= end) return;
  end = end < begin + kRun ? end : begin + kRun;
  Softmax<T, L::kElements> results[queries];
  attend_run<head, queries>(launch, row, of, begin, end, results);
  if (lane_index() < L::kCount) {
    OBVERSE_UNROLL
    for (int i = 0; i < queries; ++i) {
      const int at = warp_index() * queries + i;
      if (lane_index() == 0) shared.maximum.span().store(at, results[i].maximum);
      if (lane_index() == 0) shared.sum.span().store(at, results[i].sum);
      OBVERSE_UNROLL
      for (int e = 0; e < L::kElements; ++e) {
        shared.mixed.span().store(at * head + lane_index() * L::kElements + e, results[i].mixed[e]);
      }
    }
  }
  block_barrier();
  store_run<head, queries>(launch, row, of, shared, run);
}

// A warp joins the runs of one query, in order.
template <typename T>
__global__ void __launch_bounds__(kThreads) join_kernel(Launch<T> launch) {
  constexpr int kParts = 256 / kWarpSize;
  const CachedAttention<T>& x = launch.call;
  const std::int64_t heads = x.shape.heads;
  const std::int64_t query = std::int64_t{block_index().x} * kWarps + warp_index();
  const std::int64_t token = query / heads, batch = token / launch.tokens;
  if (batch >= x.shape.batch) return;
  const int of_row = launch.first_token + static_cast<int>(token % launch.tokens);
  const int visible = row_of(x, static_cast<int>(batch)).visible(of_row);
  if (visible <= kRun) return;
  const int runs = quotient_up(visible, kRun), size = static_cast<int>(x.shape.head_size);
  const std::int64_t first = query * launch.runs;
  float maximum = std::numeric_limits<float>::lowest();
  for (int run = lane_index(); run < runs; run += kWarpSize) {
    maximum = std::fmax(maximum, launch.softmax[2 * (first + run)]);
  }
  maximum = warp_max(maximum);
  float sum = 0.0f, mixed[kParts] = {};
  OBVERSE_UNROLL_BY(4)
  for (int run = 0; run < runs; ++run) {
    const float scale = exponential<T>(launch.softmax[2 * (first + run)] - maximum);
    sum += scale * launch.softmax[2 * (first + run) + 1];
    OBVERSE_UNROLL
    for (int i = 0; i < kParts; ++i) {
      const int d = lane_index() + i * kWarpSize;
      if (d < size) mixed[i] += scale * launch.mixed[(first + run) * size + d];
    }
  }
  const std::int64_t out = ((batch * x.shape.added + of_row) * heads + query % heads) * size;
  OBVERSE_UNROLL
  for (int i = 0; i < kParts; ++i) {
    const int d = lane_index() + i * kWarpSize;
    if (d < size) x.out[out + d] = T(mixed[i] / sum);
  }
}

// Block (token of its row, row).
template <typename T>
__global__ void __launch_bounds__(kThreads) fill_kernel(CachedAttention<T> x, bool aligned) {
  constexpr int kCount = Vector16<T>::kCount;
  const CachedAttentionShape& s = x.shape;
  const int token = block_index().x, batch = block_index().y;
  const Row row = row_of(x, batch);
  if (row.visible(token) == 0) return;
  const int width = static_cast<int>(s.key_value_heads * s.head_size);
  const std::int64_t key = (batch * s.added + token) * packed_width(s) + s.heads * s.head_size;
  const std::int64_t to = (batch * s.capacity + row.position + token) * width;
  if (aligned) {
    for (int i = thread_index().x * kCount; i < width; i += kThreads * kCount) {
      store_16(x.cache_key, to + i, load_16(x.packed, key + i));
      store_16(x.cache_value, to + i, load_16(x.packed, key + width + i));
    }
  } else {
    for (int i = thread_index().x; i < width; i += kThreads) {
      x.cache_key[to + i] = x.packed[key + i];
      x.cache_value[to + i] = x.packed[key + width + i];
    }
  }
}

// ---- Launches ----

constexpr std::int64_t kMostHeadSize = 256;

template <typename T>
bool heads_are_aligned(const CachedAttention<T>& x) {
  return x.shape.head_size % Vector16<T>::kCount == 0 && is_aligned_16(x.packed, 0) &&
         is_aligned_16(x.cache_key, 0) && is_aligned_16(x.cache_value, 0);
}

template <int head, int queries, typename T>
void launch_attend(const Launch<T>& launched, Stream& stream) {
  const CachedAttentionShape& s = launched.call.shape;
  const std::int64_t group = s.heads / s.key_value_heads;
  const std::int64_t across = s.key_value_heads * quotient_up(group * launched.tokens, queries);
  require(across <= kMostBlocksAcross,
          "[cached_attention] expected fewer key_value_heads times new tokens, got ",
          s.key_value_heads, " times ", launched.tokens);
  launch(stream,
         {.kernel = "cached attention",
          .grid = {static_cast<unsigned>(launched.runs), static_cast<unsigned>(across),
                   static_cast<unsigned>(s.batch)},
          .block = {kThreads},
          .shared_bytes = sizeof(Shared<head, queries>)},
         &attend_kernel<T, head, queries>, launched);
}

template <int head, typename T>
void launch_attend(const Launch<T>& launched, Stream& stream) {
  const CachedAttentionShape& s = launched.call.shape;
  if (s.heads / s.key_value_heads * launched.tokens == 1) {
    launch_attend<head, 1>(launched, stream);
  } else {
    launch_attend<head, 4>(launched, stream);
  }
}

template <typename T>
void launch_attend_for_size(const Launch<T>& launched, Stream& stream) {
  const std::int64_t size = launched.call.shape.head_size;
  if (size <= 16) {
    launch_attend<16>(launched, stream);
  } else if (size <= 32) {
    launch_attend<32>(launched, stream);
  } else if (size <= 64) {
    launch_attend<64>(launched, stream);
  } else if (size <= 128) {
    launch_attend<128>(launched, stream);
  } else {
    launch_attend<256>(launched, stream);
  }
}

template <typename T>
void check(const CachedAttention<T>& x, bool attends) {
  check_cached_attention(x, attends);
  const CachedAttentionShape& s = x.shape;
  require(s.head_size <= kMostHeadSize, "[cached_attention] expected a head_size of at most ",
          kMostHeadSize, ", got ", s.head_size);
  require(s.batch <= kMostBlocksAcross, "[cached_attention] expected a batch of at most ",
          kMostBlocksAcross, ", got ", s.batch);
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max() / 2;
  require(s.capacity <= kMost && s.added <= kMost,
          "[cached_attention] expected a capacity and new tokens of at most ", kMost, ", got ",
          s.capacity, " and ", s.added);
}

}  // namespace

template <typename T>
void cached_attention(const CachedAttention<T>& x, Stream& stream) {
  constexpr std::int64_t kMostPartials = std::int64_t{1} << 24;  // floats
  check(x, true);
  const CachedAttentionShape& s = x.shape;
  const std::int64_t runs = quotient_up(s.capacity, kRun);
  const std::int64_t parts_a_token = runs > 1 ? s.batch * s.heads * runs : 0;
  std::int64_t tokens = s.added;
  if (parts_a_token > 0) {
    tokens = std::clamp(kMostPartials / (parts_a_token * s.head_size), std::int64_t{1}, s.added);
  }
  const DeviceArray<float> mixed(stream, tokens * parts_a_token * s.head_size),
      softmax(stream, 2 * tokens * parts_a_token);
  for (std::int64_t first = 0; first < s.added; first += tokens) {
    const Launch<T> launched{x,
                             heads_are_aligned(x),
                             static_cast<int>(first),
                             static_cast<int>(std::min(tokens, s.added - first)),
                             static_cast<int>(runs),
                             mixed.span(),
                             softmax.span()};
    launch_attend_for_size(launched, stream);
    if (runs == 1) continue;
    const std::int64_t blocks = quotient_up(s.batch * launched.tokens * s.heads, kWarps);
    launch(stream,
           {.kernel = "cached attention join",
            .grid = {static_cast<unsigned>(blocks)},
            .block = {kThreads}},
           &join_kernel<T>, launched);
  }
}

template <typename T>
void fill_cache(const CachedAttention<T>& x, Stream& stream) {
  check(x, false);
  launch(stream,
         {.kernel = "fill cache",
          .grid = {static_cast<unsigned>(x.shape.added), static_cast<unsigned>(x.shape.batch)},
          .block = {kThreads}},
         &fill_kernel<T>, x, heads_are_aligned(x));
}

template void cached_attention(const CachedAttention<float>&, Stream&);
template void cached_attention(const CachedAttention<bf16>&, Stream&);
template void fill_cache(const CachedAttention<float>&, Stream&);
template void fill_cache(const CachedAttention<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda
