// Attention forward: a block owns some queries of one head and walks the keys that they see, with
// the softmax's maximum and sum kept up to date as it goes (Dao 2023, FlashAttention-2,
// arXiv:2307.08691).
#pragma once

#include "kernels/attention/attention_fragments.cuh"

namespace obverse::kernels::cuda::attention {

template <typename T>
struct ForwardLaunch {
  AttentionForward<T> call;
  bool aligned = false;  // HeadRows::aligned of all arrays
};

template <typename T, int head>
struct ForwardShared {
  static constexpr AttentionTiles kTiles = attention_tiles(AttentionPass::forward, head, sizeof(T));
  SharedArray<T, kTiles.queries * head> query;
  SharedArray<T, kTiles.keys * head> key[kTiles.stages], value[kTiles.stages];
};

// Softmax of rows that arrive in parts. The maximum is in units of query . key.
template <typename T, int row_tiles>
struct OnlineSoftmax {
  float maximum[row_tiles][2], sum[row_tiles][2];  // sums are of this lane's columns alone

  // Of rows that may see no key of the first parts, the maximum must be a number: -inf less itself
  // is none. No score of theirs is below it.
  static constexpr float kLowest = -1e30f;

  __device__ __forceinline__ explicit OnlineSoftmax(float lowest) {
    OBVERSE_UNROLL
    for (int i = 0; i < 2 * row_tiles; ++i) {
      maximum[i / 2][i % 2] = lowest;
      sum[i / 2][i % 2] = 0.0f;
    }
  }

  // Turns scores into weights relative to the maximum so far, and brings `out` to that maximum.
  // REQUIRES: every row of the first part has a score above -inf, or started at kLowest.
  template <int column_tiles, int out_tiles>
  __device__ __forceinline__ void add(Sums<row_tiles, column_tiles>& scores,
                                      Sums<row_tiles, out_tiles>& out, float exponent_scale) {
    float rescale[row_tiles][2];
    bool rises = false;
    OBVERSE_UNROLL
    for (int i = 0; i < row_tiles; ++i) {
      OBVERSE_UNROLL
      for (int half = 0; half < 2; ++half) {
        float largest = maximum[i][half];
        OBVERSE_UNROLL
        for (int j = 0; j < column_tiles; ++j) {
          const float* pair = &scores.at[i][j][2 * half];
          largest = fmaxf(largest, fmaxf(pair[0], pair[1]));
        }
        largest = row_max(largest);
        const float shift = largest * exponent_scale;
        rescale[i][half] = Exponential<T>::of(maximum[i][half] * exponent_scale - shift);
        rises = rises || largest > maximum[i][half];
        maximum[i][half] = largest;
        float total = sum[i][half] * rescale[i][half];
        OBVERSE_UNROLL
        for (int j = 0; j < column_tiles; ++j) {
          float* pair = &scores.at[i][j][2 * half];
          pair[0] = Exponential<T>::of(pair[0] * exponent_scale - shift);
          pair[1] = Exponential<T>::of(pair[1] * exponent_scale - shift);
          total += pair[0] + pair[1];
        }
        sum[i][half] = total;
      }
    }
    // A maximum rises in the first blocks and seldom later: most leave `out` as it is.
    if (!any(kFullMask, rises)) return;
    OBVERSE_UNROLL
    for (int i = 0; i < row_tiles; ++i) {
      OBVERSE_UNROLL
      for (int j = 0; j < out_tiles; ++j) {
        OBVERSE_UNROLL
        for (int e = 0; e < 4; ++e) out.at[i][j][e] *= rescale[i][e / 2];
      }
    }
  }
};

template <typename T, int head, bool documents>
__global__ void __launch_bounds__(ForwardShared<T, head>::kTiles.threads())
    forward_kernel(ForwardLaunch<T> launch) {
  constexpr AttentionTiles kTiles = ForwardShared<T, head>::kTiles;
  constexpr int kQueries = kTiles.queries, kKeys = kTiles.keys, kThreads = kTiles.threads();
  constexpr int kRowTiles = kTiles.row_tiles;
  // At 128 the sums and scores of two row tiles leave a quarter of the registers for all else.
  constexpr int kUnrolled = head == 128 ? 3 : 8;
  static_assert(kQueries == kTiles.owned_rows());
  auto& shared = shared_memory<ForwardShared<T, head>>();
  const AttentionForward<T>& x = launch.call;
  const int sequence = static_cast<int>(x.shape.sequence);
  const int heads = static_cast<int>(x.shape.heads), size = static_cast<int>(x.shape.head_size);
  const int head_index = block_index().x % heads, batch = block_index().x / heads;
  const int key_head = head_index / (heads / static_cast<int>(x.shape.key_value_heads));
  const auto rows_of = [&](const auto& view, int of_head) {
    return rows_of_head(view, x.shape, batch, of_head, launch.aligned);
  };
  const auto queries = rows_of(x.query, head_index);
  const auto keys = rows_of(x.key, key_head), values = rows_of(x.value, key_head);

  // Late queries see the most under a causal mask: the longest blocks start first.
  const int begin = (grid_size().y - 1 - block_index().y) * kQueries;
  const AttentionVisibility<int> visibility = visibility_of<documents>(x, batch);
  const int seen = visibility.keys(begin, begin + kQueries);
  const int seen_by_all = visibility.keys(begin);
  const int hidden_from_some = visibility.first_key_of_all(begin, begin + kQueries);
  const int first_block = visibility.first_key(begin, begin + kQueries) / kKeys;
  const int key_blocks = quotient_up(seen, kKeys);
  const float exponent_scale = static_cast<float>(x.shape.scale) * Exponential<T>::kLogE;
  const float slope = slope_of(x, head_index);

  const auto query = tile_of<head>(shared.query);
  const auto start_keys = [&](int block) {
    start_copy<kThreads, kKeys>(tile_of<head>(shared.key[block % 2]), keys, block * kKeys, seen);
    start_copy<kThreads, kKeys>(tile_of<head>(shared.value[block % 2]), values, block * kKeys,
                                seen);
    copy_async_commit();
  };
  if (key_blocks > 0) {
    start_copy<kThreads, kQueries>(query, queries, begin, visibility.length);
    start_keys(first_block);
  }

  const int warp_row = warp_index() * 16 * kRowTiles;
  using Softmax = OnlineSoftmax<T, kRowTiles>;
  Softmax softmax(documents ? Softmax::kLowest : -INFINITY);
  Sums<kRowTiles, head / 8> out{};
  OBVERSE_NO_UNROLL
  for (int block = first_block; block < key_blocks; ++block) {
    // This block's keys are there, and every warp is done with the last one's.
    copy_async_wait<0>();
    block_barrier();
    if (block + 1 < key_blocks) start_keys(block + 1);

    Sums<kRowTiles, kKeys / 8> scores{};
    multiply_rows<kUnrolled>(scores, query, warp_row, tile_of<head>(shared.key[block % 2]));
    if (slope != 0.0f || (block + 1) * kKeys > seen_by_all || block * kKeys < hidden_from_some) {
      bias_and_mask<false>(scores, visibility, slope, begin + warp_row, block * kKeys);
    }
    softmax.add(scores, out, exponent_scale);
    multiply_registers(out, scores, tile_of<head>(shared.value[block % 2]));
  }

  OBVERSE_UNROLL
  for (int i = 0; i < kRowTiles; ++i) {
    OBVERSE_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int row = begin + warp_row + 16 * i + 8 * half + lane_row();
      const float sum = row_sum(softmax.sum[i][half]);
      const bool counts = row < visibility.length;
      const float inverse = counts ? 1.0f / sum : 0.0f;
      OBVERSE_UNROLL
      for (int j = 0; j < head / 8; ++j) {
        out.at[i][j][2 * half] *= inverse;
        out.at[i][j][2 * half + 1] *= inverse;
      }
      if (row < sequence && lane_column() == 0) {
        x.log_sum_exp[(std::int64_t{batch} * heads + head_index) * sequence + row] =
            counts ? softmax.maximum[i][half] * static_cast<float>(x.shape.scale) + logf(sum)
                   : 0.0f;
      }
    }
  }
  const std::int64_t width = std::int64_t{heads} * size;
  store_rows(out, query, warp_row,
             HeadRows<T>{x.out, std::int64_t{batch} * sequence * width + head_index * size, width,
                         size, launch.aligned},
             begin + warp_row, sequence);
}

}  // namespace obverse::kernels::cuda::attention
