// Attention backward, with the softmax's weights P computed again from the saved log-sum-exp:
//   dV = P^T dO,  dS = P * (dO V^T - delta),  dK = scale dS^T Q,  dQ = scale dS K,
// where delta is each row's out . dO (Dao et al. 2022, FlashAttention, arXiv:2205.14135). A block
// that owns keys sums dV and dK in registers over all queries of all heads that share them. dQ
// comes from blocks that own queries, which forms the scores once more but always adds in one
// order, or from the same blocks by atomic additions.
#pragma once

#include <climits>

#include "kernels/attention/attention_backward_sums.cuh"

namespace obverse::kernels::cuda::attention {

// Of a block that owns keys.
template <AttentionPass pass, typename T, int head>
struct KeyOwnerShared {
  static constexpr AttentionTiles kTiles = attention_tiles(pass, head, sizeof(T));
  SharedArray<T, kTiles.keys * head> key, value;
  SharedArray<T, kTiles.queries * head> query[kTiles.stages];
  SharedArray<T, kTiles.queries * head> output_gradient[kTiles.output_gradient_stages];
  // The queries' log-sum-exps, as exponents, then their deltas.
  SharedArray<float, 2 * kTiles.queries> row_values[kTiles.stages];
};

template <AttentionPass pass, typename T, int head>
struct BackwardShared : KeyOwnerShared<pass, T, head> {};

template <typename T, int head>
struct BackwardShared<AttentionPass::all_gradients, T, head>
    : KeyOwnerShared<AttentionPass::all_gradients, T, head> {
  using KeyOwnerShared<AttentionPass::all_gradients, T, head>::kTiles;
  SharedArray<T, kTiles.keys * kTiles.queries> score_gradient;  // rows are keys
};

template <typename T, int head>
struct BackwardShared<AttentionPass::query_gradient, T, head> {
  static constexpr AttentionTiles kTiles =
      attention_tiles(AttentionPass::query_gradient, head, sizeof(T));
  SharedArray<T, kTiles.queries * head> query, output_gradient;
  SharedArray<T, kTiles.keys * head> key[kTiles.stages], value[kTiles.stages];
};

// ---- A block that owns keys ----

template <AttentionPass pass, typename T, int head, bool documents>
__global__ void __launch_bounds__(BackwardShared<pass, T, head>::kTiles.threads())
    key_value_gradient_kernel(BackwardLaunch<T> launch) {
  using Shared = BackwardShared<pass, T, head>;
  constexpr AttentionTiles kTiles = Shared::kTiles;
  constexpr int kQueries = kTiles.queries, kKeys = kTiles.keys, kThreads = kTiles.threads();
  constexpr int kRowTiles = kTiles.row_tiles;
  constexpr bool kAll = pass == AttentionPass::all_gradients;
  static_assert(kKeys == kTiles.owned_rows() && 2 * kQueries <= kThreads);
  auto& shared = shared_memory<Shared>();
  const AttentionBackward<T>& x = launch.call;
  const int key_heads = static_cast<int>(x.shape.key_value_heads);
  const int group = static_cast<int>(x.shape.heads) / key_heads;
  const int key_head = block_index().x % key_heads, batch = block_index().x / key_heads;
  const auto head_of = [&](int index) {
    return BackwardHead<T>{x, launch.aligned, batch, key_head * group + index, key_head};
  };
  const BackwardHead<T> any = head_of(0);
  const AttentionVisibility<int> visibility = visibility_of<documents>(x, batch);
  const float scale = static_cast<float>(x.shape.scale);
  const float exponent_scale = scale * Exponential<T>::kLogE;

  // Query blocks that see any of these keys, of one head after another.
  const int begin = block_index().y * kKeys, length = visibility.length;
  const int last = begin + kKeys < length ? begin + kKeys - 1 : length - 1;
  const int first_block = visibility.first_query(begin) / kQueries;
  const int blocks = quotient_up(visibility.end_of_queries(last), kQueries) - first_block;
  // Where the queries end that see the first key: from there on some of the keys are hidden.
  const int hidden_from = documents ? visibility.end_of_queries(begin) : INT_MAX;
  const int steps = begin < visibility.length ? blocks * group : 0;

  const auto key = tile_of<head>(shared.key), value = tile_of<head>(shared.value);
  const auto output_gradient_of = [&](int step) {
    return tile_of<head>(shared.output_gradient[step % kTiles.output_gradient_stages]);
  };
  const auto first_query_of = [&](int step) { return (first_block + step % blocks) * kQueries; };
  const auto start_query = [&](int step) {
    const BackwardHead<T> of = head_of(step / blocks);
    start_copy<kThreads, kQueries>(tile_of<head>(shared.query[step % 2]), of.rows(x.query, of.head),
                                   first_query_of(step), visibility.length);
  };
  const auto start_output_gradient = [&](int step) {
    start_copy<kThreads, kQueries>(output_gradient_of(step),
                                   head_of(step / blocks).output_gradient(), first_query_of(step),
                                   visibility.length);
  };
  // Each of the first threads brings one row's log-sum-exp or delta, through a register: rows of
  // floats start at no multiple of 16 bytes.
  const auto row_value_of = [&](int step) {
    const int thread = thread_index().x;
    if (thread >= 2 * kQueries) return 0.0f;
    const BackwardHead<T> of = head_of(step / blocks);
    const int query = first_query_of(step) + thread % kQueries;
    if (thread < kQueries) return of.log_sum_exp(visibility, query);
    return query < visibility.length ? launch.deltas[of.row(query)] : 0.0f;
  };
  const auto store_row_value = [&](int step, float row_value) {
    if (thread_index().x < 2 * kQueries) {
      shared.row_values[step % 2].span().store(thread_index().x, row_value);
    }
  };
  if (steps > 0) {
    start_copy<kThreads, kKeys>(key, any.rows(x.key, key_head), begin, visibility.length);
    start_copy<kThreads, kKeys>(value, any.rows(x.value, key_head), begin, visibility.length);
    start_query(0);
    start_output_gradient(0);
    copy_async_commit();
    store_row_value(0, row_value_of(0));
  }

  const int warp_row = warp_index() * 16 * kRowTiles;
  Sums<kRowTiles, head / 8> key_gradient{}, value_gradient{};
  OBVERSE_NO_UNROLL
  for (int step = 0; step < steps; ++step) {
    // This step's queries are there, and every warp is done with the last one's.
    copy_async_wait<0>();
    block_barrier();
    const bool more = step + 1 < steps;
    float next_row_value = 0.0f;
    if (more) {
      start_query(step + 1);
      if (!kAll) start_output_gradient(step + 1);
      copy_async_commit();
      if (!kAll) next_row_value = row_value_of(step + 1);
    }
    const int first_query = first_query_of(step), head_index = key_head * group + step / blocks;
    const auto query = tile_of<head>(shared.query[step % 2]);
    const auto output_gradient = output_gradient_of(step);
    const auto row_values = shared.row_values[step % 2].span();

    // Keys along the rows: the weights then are what dV = P^T dO wants on its left.
    Sums<kRowTiles, kQueries / 8> weights{};
    multiply_rows<4>(weights, key, warp_row, query);
    const float slope = slope_of(x, head_index);
    if (slope != 0.0f || begin + kKeys > visibility.keys(first_query) ||
        first_query + kQueries > hidden_from) {
      bias_and_mask<true>(weights, visibility, slope, first_query, begin + warp_row);
    }
    OBVERSE_UNROLL
    for (int j = 0; j < kQueries / 8; ++j) {
      const Pair<float> log_sum_exp = row_values.load_pair(8 * j + lane_column());
      OBVERSE_UNROLL
      for (int i = 0; i < 2 * kRowTiles; ++i) {
        float* pair = &weights.at[i / 2][j][2 * (i % 2)];
        pair[0] = Exponential<T>::of(pair[0] * exponent_scale - log_sum_exp.first);
        pair[1] = Exponential<T>::of(pair[1] * exponent_scale - log_sum_exp.second);
      }
    }
    multiply_registers(value_gradient, weights, output_gradient);

    Sums<kRowTiles, kQueries / 8> score_gradient{};
    multiply_rows<4>(score_gradient, value, warp_row, output_gradient);
    OBVERSE_UNROLL
    for (int j = 0; j < kQueries / 8; ++j) {
      const Pair<float> delta = row_values.load_pair(kQueries + 8 * j + lane_column());
      OBVERSE_UNROLL
      for (int i = 0; i < 2 * kRowTiles; ++i) {
        float* pair = &score_gradient.at[i / 2][j][2 * (i % 2)];
        const float* weight = &weights.at[i / 2][j][2 * (i % 2)];
        pair[0] = weight[0] * (pair[0] - delta.first);
        pair[1] = weight[1] * (pair[1] - delta.second);
      }
    }
    multiply_registers(key_gradient, score_gradient, query);

    if constexpr (kAll) {
      const auto tile = tile_of<kQueries>(shared.score_gradient);
      OBVERSE_UNROLL
      for (int i = 0; i < 2 * kRowTiles; ++i) {
        OBVERSE_UNROLL
        for (int j = 0; j < kQueries / 8; ++j) {
          const float* pair = &score_gradient.at[i / 2][j][2 * (i % 2)];
          tile.elements.store_pair(tile.index(warp_row + 8 * i + lane_row(), 8 * j + lane_column()),
                                   {T(pair[0]), T(pair[1])});
        }
      }
      block_barrier();
      if (more) {
        start_output_gradient(step + 1);
        copy_async_commit();
        next_row_value = row_value_of(step + 1);  // not before: no register was free
      }
      const std::int64_t batch_head = batch * x.shape.heads + head_index;
      add_query_gradient<head, kKeys, kQueries, kTiles.warps>(
          tile, key, launch.query_sums, [&](int row, int column) {
            return query_sum_index<head>(x.shape, batch_head, first_query + row, column);
          });
    }
    if (more) store_row_value(step + 1, next_row_value);
  }

  // The key tile was read by all warps.
  if constexpr (kAll) block_barrier();
  key_gradient.multiply(scale);
  const auto store = [&](Sums<kRowTiles, head / 8>& sums, const Tile<T, head>& tile,
                         const HeadView<T>& view) {
    // Rows past the sequence's end saw masked scores alone, or no step at all.
    store_rows(sums, tile, warp_row, any.rows(view, key_head), begin + warp_row, any.sequence());
  };
  store(key_gradient, key, x.key_gradient);
  store(value_gradient, value, x.value_gradient);
}

// ---- A block that owns queries ----

template <typename T, int head, bool documents>
__global__ void __launch_bounds__(
    BackwardShared<AttentionPass::query_gradient, T, head>::kTiles.threads())
    query_gradient_kernel(BackwardLaunch<T> launch) {
  using Shared = BackwardShared<AttentionPass::query_gradient, T, head>;
  constexpr AttentionTiles kTiles = Shared::kTiles;
  constexpr int kQueries = kTiles.queries, kKeys = kTiles.keys, kThreads = kTiles.threads();
  constexpr int kRowTiles = kTiles.row_tiles;
  static_assert(kQueries == kTiles.owned_rows());
  auto& shared = shared_memory<Shared>();
  const AttentionBackward<T>& x = launch.call;
  const int heads = static_cast<int>(x.shape.heads);
  const int head_index = block_index().x % heads, batch = block_index().x / heads;
  const int key_head = head_index / (heads / static_cast<int>(x.shape.key_value_heads));
  const BackwardHead<T> of{x, launch.aligned, batch, head_index, key_head};

  // The longest blocks start first, as forward.
  const int begin = (grid_size().y - 1 - block_index().y) * kQueries;
  const AttentionVisibility<int> visibility = visibility_of<documents>(x, batch);
  const int seen = visibility.keys(begin, begin + kQueries);
  const int seen_by_all = visibility.keys(begin);
  const int hidden_from_some = visibility.first_key_of_all(begin, begin + kQueries);
  const int first_block = visibility.first_key(begin, begin + kQueries) / kKeys;
  const int key_blocks = quotient_up(seen, kKeys);
  const float scale = static_cast<float>(x.shape.scale), slope = slope_of(x, head_index);
  const float exponent_scale = scale * Exponential<T>::kLogE;

  const auto query = tile_of<head>(shared.query);
  const auto output_gradient = tile_of<head>(shared.output_gradient);
  const auto start_keys = [&](int block) {
    start_copy<kThreads, kKeys>(tile_of<head>(shared.key[block % 2]), of.rows(x.key, key_head),
                                block * kKeys, seen);
    start_copy<kThreads, kKeys>(tile_of<head>(shared.value[block % 2]), of.rows(x.value, key_head),
                                block * kKeys, seen);
    copy_async_commit();
  };
  if (key_blocks > 0) {
    start_copy<kThreads, kQueries>(query, of.rows(x.query, head_index), begin, visibility.length);
    start_copy<kThreads, kQueries>(output_gradient, of.output_gradient(), begin, visibility.length);
    start_keys(first_block);
  }

  const int warp_row = warp_index() * 16 * kRowTiles;
  float log_sum_exp[2 * kRowTiles], delta[2 * kRowTiles];
  OBVERSE_UNROLL
  for (int i = 0; i < 2 * kRowTiles; ++i) {
    const int row = begin + warp_row + 8 * i + lane_row();
    log_sum_exp[i] = of.log_sum_exp(visibility, row);
    delta[i] = row < visibility.length ? launch.deltas[of.row(row)] : 0.0f;
  }

  Sums<kRowTiles, head / 8> query_gradient{};
  OBVERSE_NO_UNROLL
  for (int block = first_block; block < key_blocks; ++block) {
    copy_async_wait<0>();
    block_barrier();
    if (block + 1 < key_blocks) start_keys(block + 1);
    const auto key = tile_of<head>(shared.key[block % 2]);

    Sums<kRowTiles, kKeys / 8> weights{}, score_gradient{};
    multiply_rows(weights, query, warp_row, key);
    if (slope != 0.0f || (block + 1) * kKeys > seen_by_all || block * kKeys < hidden_from_some) {
      bias_and_mask<false>(weights, visibility, slope, begin + warp_row, block * kKeys);
    }
    multiply_rows(score_gradient, output_gradient, warp_row,
                  tile_of<head>(shared.value[block % 2]));
    OBVERSE_UNROLL
    for (int i = 0; i < 2 * kRowTiles; ++i) {
      OBVERSE_UNROLL
      for (int j = 0; j < kKeys / 8; ++j) {
        OBVERSE_UNROLL
        for (int e = 2 * (i % 2); e < 2 * (i % 2) + 2; ++e) {
          const float weight =
              Exponential<T>::of(weights.at[i / 2][j][e] * exponent_scale - log_sum_exp[i]);
          float& gradient = score_gradient.at[i / 2][j][e];
          gradient = weight * (gradient - delta[i]);
        }
      }
    }
    multiply_registers(query_gradient, score_gradient, key);
  }

  query_gradient.multiply(scale);
  store_rows(query_gradient, query, warp_row, of.rows(x.query_gradient, head_index),
             begin + warp_row, of.sequence());
}

}  // namespace obverse::kernels::cuda::attention
