// What surrounds the products of attention backward: each row's delta before them, and after them
// the query gradient where it was added up atomically.
#pragma once

#include "kernels/attention/attention_fragments.cuh"

namespace obverse::kernels::cuda::attention {

template <typename T>
struct BackwardLaunch {
  AttentionBackward<T> call;
  Span<float> deltas;      // [batch, heads, sequence]
  Span<float> query_sums;  // see query_sum_index(); empty where nothing is added atomically
  bool aligned = false;    // HeadRows::aligned of all arrays
};

// Whether the type has an all_gradients pass. In float, products outweigh everything else so far
// that scores formed twice are no loss worth a kernel of its own.
template <typename T>
inline constexpr bool kAddsAtomically = sizeof(T) == 2;

// The head `index` of `heads` that a block works on, and the rows of arrays for it.
template <typename T>
struct BackwardHead {
  const AttentionBackward<T>& x;
  bool aligned;
  int batch, head, key_head;

  __device__ __forceinline__ int sequence() const { return static_cast<int>(x.shape.sequence); }
  __device__ __forceinline__ int size() const { return static_cast<int>(x.shape.head_size); }

  template <typename Element>
  __device__ __forceinline__ HeadRows<Element> rows(const HeadView<Element>& view,
                                                    int of_head) const {
    return rows_of_head(view, x.shape, batch, of_head, aligned);
  }
  __device__ __forceinline__ HeadRows<const T> output_gradient() const {
    return rows(HeadView<const T>{x.output_gradient, x.shape.heads * size()}, head);
  }
  // Of [batch, heads, sequence] arrays.
  __device__ __forceinline__ std::int64_t row(int query) const {
    return (batch * x.shape.heads + head) * sequence() + query;
  }
  // A query's log-sum-exp, as Exponential wants it. Infinite for rows that pass no gradient: their
  // weights are then zero without further ado.
  __device__ __forceinline__ float log_sum_exp(const AttentionVisibility<int>& visibility,
                                               int query) const {
    return query < visibility.length ? x.log_sum_exp[row(query)] * Exponential<T>::kLogE : INFINITY;
  }
};

// ---- delta = out . output_gradient ----

inline constexpr int kRowSumThreads = 256;
// Eight lanes share a row: at head size 64 in bf16 each reads sixteen bytes of it.
inline constexpr int kRowSumLanes = 8;
inline constexpr int kRowSumRows = kRowSumThreads / kRowSumLanes;

template <typename T>
__global__ void __launch_bounds__(kRowSumThreads) row_sums_kernel(BackwardLaunch<T> launch) {
  const AttentionBackward<T>& x = launch.call;
  const std::int64_t heads = x.shape.heads, size = x.shape.head_size;
  const int lane = thread_index().x % kRowSumLanes;
  // Rows in the arrays' own order: [batch, sequence, heads].
  const std::int64_t row =
      std::int64_t{block_index().x} * kRowSumRows + thread_index().x / kRowSumLanes;
  const std::int64_t first = row * size;
  const bool exists = row < x.shape.batch * x.shape.sequence * heads;
  float sum = 0.0f;
  if (exists && launch.aligned) {
    constexpr int kChunk = Vector16<T>::kCount;
    for (std::int64_t i = lane * kChunk; i < size; i += kRowSumLanes * kChunk) {
      const auto out = load_16(x.out, first + i);
      const auto gradient = load_16(x.output_gradient, first + i);
      OBVERSE_UNROLL
      for (int e = 0; e < kChunk; ++e) {
        sum += static_cast<float>(out[e]) * static_cast<float>(gradient[e]);
      }
    }
  } else if (exists) {
    for (std::int64_t i = lane; i < size; i += kRowSumLanes) {
      sum +=
          static_cast<float>(x.out[first + i]) * static_cast<float>(x.output_gradient[first + i]);
    }
  }
  for (int bits = kRowSumLanes / 2; bits > 0; bits /= 2) sum += shuffle_xor(kFullMask, sum, bits);
  if (exists && lane == 0) {
    const std::int64_t token = row / heads, batch = token / x.shape.sequence;
    launch.deltas[(batch * heads + row % heads) * x.shape.sequence + token % x.shape.sequence] =
        sum;
  }
}

// ---- What adds up atomically ----

// Query sums lie as the lanes hold them, so that a warp's additions go to consecutive addresses:
// [batch, heads, row tile of 16, column tile of 8, element of the lane, lane], rows padded to whole
// blocks of kQuerySumRows.
inline constexpr int kQuerySumRows = 64;

inline std::int64_t query_sums_size(const AttentionShape& shape, int head) {
  return shape.batch * shape.heads * round_up(shape.sequence, kQuerySumRows) * head;
}
// Of the lane's first element; the next ones follow at distances of kWarpSize.
template <int head>
__device__ __forceinline__ std::int64_t query_sum_index(const AttentionShape& shape,
                                                        std::int64_t batch_head, int row,
                                                        int column) {
  const std::int64_t rows = round_up(shape.sequence, kQuerySumRows);
  return ((batch_head * rows + row) * (head / 8) + column / 8 * 16) * 8 + lane_index();
}

// dS^T goes through shared memory, because the sum over keys is one over warps; each warp then
// multiplies sixteen queries' rows, or a part of their columns.
template <int head, int keys, int queries, int warps, typename T, typename Address>
__device__ __forceinline__ void add_query_gradient(const Tile<T, queries>& score_gradient,
                                                   const Tile<T, head>& key, Span<float> query_sums,
                                                   const Address& address) {
  constexpr int kStrip = 32;  // columns: what registers are left beside a warp's own sums
  constexpr int kStrips = head / kStrip, kParts = queries / 16 * kStrips;
  static_assert(kParts % warps == 0);
  OBVERSE_NO_UNROLL
  for (int part = warp_index(); part < kParts; part += warps) {
    const int row = part / kStrips * 16, column = part % kStrips * kStrip;
    Sums<1, kStrip / 8> sums{};
    multiply_columns<keys>(sums, score_gradient, row, key, column);
    OBVERSE_UNROLL
    for (int j = 0; j < kStrip / 8; ++j) {
      const std::int64_t to = address(row, column + 8 * j);
      OBVERSE_UNROLL
      for (int e = 0; e < 4; ++e) atomic_add(query_sums, to + e * kWarpSize, sums.at[0][j][e]);
    }
  }
}

template <typename T, int head>
struct QuerySumsShared {
  SharedArray<T, kQuerySumRows * head> rows;
};

// Sums that are complete, scaled and rounded.
template <typename T, int head>
__global__ void __launch_bounds__(2 * kQuerySumRows) query_sums_kernel(BackwardLaunch<T> launch) {
  auto& shared = shared_memory<QuerySumsShared<T, head>>();
  const AttentionBackward<T>& x = launch.call;
  const int heads = static_cast<int>(x.shape.heads);
  const int head_index = block_index().x % heads, batch = block_index().x / heads;
  const BackwardHead<T> of{x, launch.aligned, batch, head_index, 0};
  const int warp_row = 16 * warp_index(), row = block_index().y * kQuerySumRows + warp_row;
  Sums<1, head / 8> sums;
  OBVERSE_UNROLL
  for (int j = 0; j < head / 8; ++j) {
    const std::int64_t from = query_sum_index<head>(x.shape, block_index().x, row, 8 * j);
    OBVERSE_UNROLL
    for (int e = 0; e < 4; ++e) sums.at[0][j][e] = launch.query_sums[from + e * kWarpSize];
  }
  sums.multiply(static_cast<float>(x.shape.scale));
  store_rows(sums, tile_of<head>(shared.rows), warp_row, of.rows(x.query_gradient, head_index), row,
             of.sequence());
}

}  // namespace obverse::kernels::cuda::attention
