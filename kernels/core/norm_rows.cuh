// What the normalizations of rows (layer_norm, rms_norm) share: where rows lie, which threads own
// one, and sums over those threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>

#include "kernels/core/bf16.h"
#include "kernels/core/check.h"
#include "kernels/core/division.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"

namespace obverse::kernels::cuda::norm {

// Whether a row's mean is taken from it.
enum class Centering { mean, none };

inline constexpr int kThreads = 256;
inline constexpr int kWarps = kThreads / kWarpSize;

// Rows of `width` neighbouring elements, `group_rows` of them one after another, and so many groups
// that begin `stride` elements apart. Counts have 32 bits, to spare a thread's registers.
struct RowLayout {
  std::uint32_t rows = 0;  // in all groups
  std::uint32_t group_rows = 0;
  int width = 0;
  std::int64_t stride = 0;

  // Where a row begins. One group is the usual case and needs no division, which a GPU has to put
  // together from some twenty instructions.
  __device__ __forceinline__ std::int64_t offset(std::uint32_t row) const {
    if (group_rows == rows) return std::int64_t{row} * width;
    const std::uint32_t group = row / group_rows;
    return group * stride + std::int64_t{row - group * group_rows} * width;
  }
};

inline RowLayout row_layout(const char* operation, std::int64_t groups, std::int64_t group_rows,
                            std::int64_t width, std::int64_t stride) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  require(groups * group_rows <= kMost && width <= kMost, "[", operation,
          "] expected at most 2^31 - 1 rows and columns, got ", groups * group_rows, " and ",
          width);
  return {static_cast<std::uint32_t>(groups * group_rows), static_cast<std::uint32_t>(group_rows),
          static_cast<int>(width), stride};
}

// Whether every row of these arrays can be moved by sixteen bytes.
template <typename T>
bool rows_are_aligned(const RowLayout& layout, std::initializer_list<Span<const T>> arrays) {
  constexpr int kVector = Vector16<T>::kCount;
  bool aligned = layout.width % kVector == 0 &&
                 (layout.group_rows == layout.rows || layout.stride % kVector == 0);
  for (const Span<const T> array : arrays) aligned = aligned && is_aligned_16(array, 0);
  return aligned;
}

// `lanes` neighbouring threads own a row, each `elements` of it, in registers: short rows share a
// warp, long ones have a block to themselves.
template <typename T, int lanes, int elements>
struct Tile {
  static_assert(kThreads % lanes == 0 && (lanes <= kWarpSize || lanes == kThreads));
  static constexpr int kLanes = lanes, kElements = elements;
  static constexpr int kTeams = kThreads / lanes;  // rows of a block at a time
  static constexpr int kWidth = lanes * elements;
  static constexpr int kVector = Vector16<T>::kCount, kVectors = elements / kVector;
  static_assert(elements % kVector == 0);
  using Vectors = Vector16<T>[kVectors];

  __device__ __forceinline__ static int team() { return thread_index().x / lanes; }
  __device__ __forceinline__ static int lane() { return thread_index().x % lanes; }
  // The first column of the thread's vector of that number: neighbours own neighbours.
  __device__ __forceinline__ static int column(int vector) {
    return (vector * lanes + lane()) * kVector;
  }
  // What lies past the row's end is zero, as is all where there is no row.
  template <CacheHint hint>
  __device__ __forceinline__ static void load(Vectors& vectors, Span<const T> source,
                                              std::int64_t offset, int width, bool present) {
    OBVERSE_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      vectors[i] = {};
      if (present && column(i) < width) vectors[i] = load_16<hint>(source, offset + column(i));
    }
  }
};

// The least tile that holds a row of `width`: call<lanes, elements>(). Backward holds five arrays
// of `elements` in a thread's 255 registers.
inline constexpr std::int64_t kWidestTile = 8192;
template <typename Call>
void with_tile(std::int64_t width, const Call& call) {
  if (width <= 64) return call.template operator()<4, 16>();
  if (width <= 128) return call.template operator()<8, 16>();
  if (width <= 256) return call.template operator()<16, 16>();
  if (width <= 512) return call.template operator()<32, 16>();
  if (width <= 768) return call.template operator()<32, 24>();
  if (width <= 1024) return call.template operator()<32, 32>();
  if (width <= 2048) return call.template operator()<kThreads, 8>();
  if (width <= 4096) return call.template operator()<kThreads, 16>();
  return call.template operator()<kThreads, 32>();
}

// For rows that no tile holds or sixteen bytes do not divide: how many threads step along a row.
template <typename Call>
void with_lanes(std::int64_t width, const Call& call) {
  if (width <= 1024) return call.template operator()<kWarpSize>();
  return call.template operator()<kThreads>();
}

// A grid with a team of `lanes` threads for each of `rows`.
inline Extent grid_of_teams(std::int64_t rows, int lanes) {
  return {static_cast<unsigned>(quotient_up(rows, kThreads / lanes))};
}

// Sums over the `lanes` threads of the caller's team, the same in each thread. A team that is a
// block meets at one barrier: `sums`, as many for each warp, must not be in use from the call
// before.
template <int lanes, int count>
__device__ __forceinline__ void team_sums(float (&values)[count], SharedSpan<float> sums) {
  OBVERSE_UNROLL
  for (int bits = (lanes < kWarpSize ? lanes : kWarpSize) / 2; bits > 0; bits /= 2) {
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) values[i] += shuffle_xor(kFullMask, values[i], bits);
  }
  if constexpr (lanes > kWarpSize) {
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) {
      if (lane_index() == 0) sums.store(i * kWarps + warp_index(), values[i]);
    }
    block_barrier();
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) {
      values[i] = 0.0f;
      OBVERSE_UNROLL
      for (int warp = 0; warp < kWarps; ++warp) values[i] += sums.load(i * kWarps + warp);
    }
  }
}
template <int lanes>
__device__ __forceinline__ float team_sum(float value, SharedSpan<float> sums) {
  float values[] = {value};
  team_sums<lanes>(values, sums);
  return values[0];
}

}  // namespace obverse::kernels::cuda::norm
