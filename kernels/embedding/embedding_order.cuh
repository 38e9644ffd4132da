// The order of tokens by id, ties by their own order:
//   - tiles of 1024 tokens by counting, for each token, those that come before it in the tile;
//   - all tiles into one order by looking up, for each token, how many come before it in every
//     other tile.
// Two launches whatever the vocabulary, one where there is but one tile; a radix sort takes three
// for every eight bits.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/core/check.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/division.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"

namespace obverse::kernels::cuda::embedding {

inline constexpr int kThreads = 256;

inline constexpr int kTile = 1024;
// What ids that are out of range are sorted as, behind the others, and what fills the last tile.
inline constexpr std::uint32_t kNoRow = 0x80000000u, kNoToken = 0xFFFFFFFFu;

struct Order {
  Span<std::uint32_t> keys;  // ids, kNoRow or kNoToken
  Span<std::int32_t> tokens;
};

struct TileKeys {
  SharedArray<std::uint32_t, kTile> keys;
};

// How many of keys `begin` to `end` are below `bound`. REQUIRES: both are multiples of 4.
__device__ __forceinline__ int count_below(SharedSpan<std::uint32_t> keys, int begin, int end,
                                           std::uint32_t bound) {
  int count = 0;
  OBVERSE_UNROLL_BY(4)
  for (int i = begin; i < end; i += 4) {
    const Vector16<std::uint32_t> four = keys.load_16(i);
    OBVERSE_UNROLL
    for (int j = 0; j < 4; ++j) count += four[j] < bound ? 1 : 0;
  }
  return count;
}

// A block finds the places of 256 tokens of a tile.
static __global__ void __launch_bounds__(kThreads)
    sort_tiles_kernel(Span<const std::int32_t> ids, std::int64_t vocabulary, Order sorted) {
  const auto keys = shared_memory<TileKeys>().keys.span();
  const std::int64_t token = std::int64_t{block_index().x} * kThreads + thread_index().x;
  const std::int64_t tile = token / kTile * kTile, left = ids.size() - tile;
  const int filled = static_cast<int>(round_up(left < kTile ? left : kTile, kWarpSize));
  for (int i = thread_index().x; i < filled; i += kThreads) {
    std::uint32_t key = kNoToken;
    if (i < left) {
      const std::int32_t id = ids[tile + i];
      key = id >= 0 && id < vocabulary ? static_cast<std::uint32_t>(id) : kNoRow;
    }
    keys.store(i, key);
  }
  block_barrier();
  if (token >= ids.size()) {
    sorted.keys[token] = kNoToken;
    return;
  }
  const int own = static_cast<int>(token - tile), warp = own / kWarpSize * kWarpSize;
  const std::uint32_t key = keys.load(own);
  int place =
      count_below(keys, 0, warp, key + 1) + count_below(keys, warp + kWarpSize, filled, key);
  for (int i = warp; i < warp + kWarpSize; ++i) {
    place += keys.load(i) < key + (i < own ? 1 : 0) ? 1 : 0;
  }
  sorted.keys[tile + place] = key;
  sorted.tokens[tile + place] = static_cast<std::int32_t>(token);
}

// From tiles that are sorted to one order of all. Neighbouring threads look for neighbouring keys,
// so that they mostly read the same.
static __global__ void __launch_bounds__(kThreads) merge_tiles_kernel(Order tiles, Order sorted) {
  const std::int64_t index = std::int64_t{block_index().x} * kThreads + thread_index().x;
  const std::uint32_t key = tiles.keys[index];
  if (key == kNoToken) return;
  const int count = static_cast<int>(tiles.keys.size() / kTile);
  const int own = static_cast<int>(index / kTile);
  constexpr int kSearches = 8;  // at once, each a chain of reads
  std::int64_t place = index % kTile;
  OBVERSE_NO_UNROLL
  for (int first = 0; first < count; first += kSearches) {
    // Of equal keys, those of earlier tiles come before.
    std::uint32_t bounds[kSearches];
    std::int64_t begins[kSearches];
    int below[kSearches];
    OBVERSE_UNROLL
    for (int i = 0; i < kSearches; ++i) {
      const int tile = first + i;
      bounds[i] = tile >= count || tile == own ? 0 : key + (tile < own ? 1 : 0);
      begins[i] = std::int64_t{tile < count ? tile : own} * kTile;
      below[i] = 0;
    }
    OBVERSE_NO_UNROLL
    for (int step = kTile / 2; step > 0; step /= 2) {
      OBVERSE_UNROLL
      for (int i = 0; i < kSearches; ++i) {
        below[i] += tiles.keys[begins[i] + below[i] + step - 1] < bounds[i] ? step : 0;
      }
    }
    OBVERSE_UNROLL
    for (int i = 0; i < kSearches; ++i) {
      place += below[i] + (tiles.keys[begins[i] + below[i]] < bounds[i] ? 1 : 0);
    }
  }
  sorted.keys[place] = key;
  sorted.tokens[place] = tiles.tokens[index];
}

inline LaunchShape shape_of(const char* kernel, std::int64_t threads,
                            std::size_t shared_bytes = 0) {
  const std::int64_t blocks = quotient_up(threads, kThreads);
  require(blocks <= std::numeric_limits<std::int32_t>::max(),
          "[embedding] expected fewer tokens, got ", blocks, " blocks of threads");
  return {.kernel = kernel,
          .grid = {static_cast<unsigned>(blocks)},
          .block = {kThreads},
          .shared_bytes = shared_bytes};
}

// Scratch memory for an order of whole tiles.
struct OrderArrays {
  DeviceArray<std::uint32_t> keys;
  DeviceArray<std::int32_t> tokens;
  OrderArrays(Stream& stream, std::int64_t count) : keys(stream, count), tokens(stream, count) {}
  Order order() const { return {keys.span(), tokens.span()}; }
};

inline OrderArrays sorted_tokens(Span<const std::int32_t> ids, std::int64_t vocabulary,
                                 Stream& stream) {
  const std::int64_t count = round_up(ids.size(), kTile);
  OrderArrays tiles(stream, count);
  launch(stream, shape_of("embedding sort", count, sizeof(TileKeys)), &sort_tiles_kernel, ids,
         vocabulary, tiles.order());
  if (count == kTile) return tiles;
  OrderArrays all(stream, count);
  launch(stream, shape_of("embedding merge", count), &merge_tiles_kernel, tiles.order(),
         all.order());
  return all;
}

}  // namespace obverse::kernels::cuda::embedding
