// How the CUDA attention kernels cut their work, as pure functions: head sizes that kernels are
// built for, block sizes, and shared memory.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "kernels/core/qualifiers.h"

namespace obverse::kernels {

enum class AttentionPass {
  forward,
  key_value_gradient,  // a block owns keys and walks the queries that see them
  all_gradients,       // the same, adding up the query gradient with atomic additions
  query_gradient,      // a block owns queries and walks the keys that they see
};

// What a block may use on every device that the portable tier serves: 99 KiB on compute capability
// 8.6, 8.9 and 12.0, more on 8.0 and 9.0, where two such blocks share a multiprocessor.
inline constexpr int kAttentionSharedBytes = 99 * 1024;

// The head size that a kernel is built for and pads others to by zeros; 0 where there is none.
constexpr int padded_head_size(std::int64_t head_size, AttentionPass pass) {
  for (const int padded : {32, 64, 128}) {
    if (head_size >= 1 && head_size <= padded) return padded;
  }
  return head_size >= 1 && head_size <= 256 && pass == AttentionPass::forward ? 256 : 0;
}

struct AttentionTiles {
  int queries = 0, keys = 0;  // of a block's scores at a time
  int row_tiles = 0;          // sixteen rows each, of what a warp owns
  int warps = 0;
  // Buffers that the walked-over operands rotate through.
  int stages = 2, output_gradient_stages = 2;

  constexpr int threads() const { return 32 * warps; }
  constexpr int owned_rows() const { return 16 * row_tiles * warps; }
};

// REQUIRES: head_size is one of padded_head_size()'s for the pass; element_bytes is 2 (bf16) or 4
// (float).
//
// A warp keeps its rows' sums in registers: head_size / 2 a lane for each row tile and output. What
// is left of 255 registers after two outputs backward, one forward, bounds the scores. Two row
// tiles where they fit: each ldmatrix of the other operand then feeds twice the mma, and shared
// memory, not the tensor cores, is what one tile is bound by.
constexpr AttentionTiles attention_tiles(AttentionPass pass, int head_size, int element_bytes) {
  const bool half = element_bytes == 2;
  switch (pass) {
    case AttentionPass::forward:
      if (half) {
        if (head_size <= 128) return {.queries = 128, .keys = 64, .row_tiles = 2, .warps = 4};
        return {.queries = 64, .keys = 32, .row_tiles = 1, .warps = 4};
      }
      if (head_size <= 128) return {.queries = 64, .keys = 32, .row_tiles = 1, .warps = 4};
      return {.queries = 32, .keys = 16, .row_tiles = 1, .warps = 2};
    case AttentionPass::key_value_gradient:
      if (half) {
        if (head_size <= 32) return {.queries = 64, .keys = 64, .row_tiles = 1, .warps = 4};
        if (head_size <= 64) return {.queries = 64, .keys = 128, .row_tiles = 1, .warps = 8};
        return {.queries = 32, .keys = 64, .row_tiles = 1, .warps = 4};
      }
      if (head_size <= 32) return {.queries = 64, .keys = 64, .row_tiles = 1, .warps = 4};
      if (head_size <= 64) return {.queries = 32, .keys = 64, .row_tiles = 1, .warps = 4};
      return {.queries = 16, .keys = 64, .row_tiles = 1, .warps = 4};
    case AttentionPass::all_gradients: {
      // A barrier in the middle, after which the output gradient's only buffer is free again.
      AttentionTiles tiles =
          attention_tiles(AttentionPass::key_value_gradient, head_size, element_bytes);
      tiles.output_gradient_stages = 1;
      return tiles;
    }
    case AttentionPass::query_gradient:
      if (half) {
        if (head_size <= 32) return {.queries = 128, .keys = 64, .row_tiles = 2, .warps = 4};
        if (head_size <= 64) return {.queries = 128, .keys = 32, .row_tiles = 2, .warps = 4};
        return {.queries = 64, .keys = 64, .row_tiles = 1, .warps = 4};
      }
      if (head_size <= 32) return {.queries = 64, .keys = 32, .row_tiles = 1, .warps = 4};
      if (head_size <= 64) return {.queries = 64, .keys = 32, .row_tiles = 1, .warps = 4};
      return {.queries = 64, .keys = 16, .row_tiles = 1, .warps = 4};
  }
  return {};
}

// What the pass's kernel asks for.
constexpr int attention_shared_bytes(AttentionPass pass, const AttentionTiles& tiles, int head_size,
                                     int element_bytes) {
  const int query_tile = tiles.queries * head_size * element_bytes;
  const int key_tile = tiles.keys * head_size * element_bytes;
  switch (pass) {
    case AttentionPass::forward:
      return query_tile + tiles.stages * 2 * key_tile;
    case AttentionPass::query_gradient:
      return 2 * query_tile + tiles.stages * 2 * key_tile;
    case AttentionPass::key_value_gradient:
    case AttentionPass::all_gradients: {
      const int row_values = tiles.stages * 2 * tiles.queries * static_cast<int>(sizeof(float));
      const int score_gradient =
          pass == AttentionPass::all_gradients ? tiles.queries * tiles.keys * element_bytes : 0;
      return 2 * key_tile + (tiles.stages + tiles.output_gradient_stages) * query_tile +
             row_values + score_gradient;
    }
  }
  return 0;
}

}  // namespace obverse::kernels
