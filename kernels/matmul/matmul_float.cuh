// The matmul of float: fused multiply-adds, with 4 x 4 or 8 x 8 sums a thread and a pipeline of
// cp.async that turns operands on their way into shared memory.
#pragma once

#include "kernels/core/launch.cuh"
#include "kernels/matmul/matmul_epilogue.cuh"

namespace obverse::kernels::cuda::matrix_product {

template <MatmulTile tile>
struct FloatTile {
  static constexpr MatmulTileShape kShape = matmul_tile_shape(tile, sizeof(float));
  static constexpr int kSide = kShape.rows, kDepth = kShape.depth, kResident = kShape.resident;
  static_assert(kShape.columns == kSide);
  static constexpr int kThreads = 256;  // 16 x 16, each with quads of 4 x 4 sums
  static constexpr int kStages = 4;
  static constexpr int kQuads = kSide / 64;
  // Rows of a stage run along m or n. Four banks apart, they take a copy of 8 of the depth by 4 in
  // all 32 banks.
  static constexpr int kStride = kSide + 4;
  static constexpr int kElements = kDepth * kStride;

  struct Pipeline {
    SharedArray<float, kStages * kElements> a, b;
  };
  struct Staging {
    SharedArray<float, 16 * kStride> sums;
  };
  static_assert(sizeof(Staging) <= sizeof(Pipeline));
};

// Brings a tile of an operand so that its rows run along m or n whatever they do in global memory.
template <typename Shape, bool along_depth>
__device__ __forceinline__ void bring(SharedSpan<float> tile, const Operand<float>& x,
                                      std::int64_t origin, int first, int limit, int first_depth,
                                      int depth_limit) {
  constexpr int kAcross = along_depth ? Shape::kDepth : Shape::kSide;  // of rows in global memory
  constexpr int kRows = Shape::kThreads / kAcross;                     // at a time
  const int in_row = thread_index().x % kAcross;
  OBVERSE_UNROLL
  for (int i = 0; i < Shape::kSide * Shape::kDepth / Shape::kThreads; ++i) {
    const int row = thread_index().x / kAcross + i * kRows;
    const int in_side = along_depth ? row : in_row, in_depth = along_depth ? in_row : row;
    const std::int64_t from = along_depth ? (first + row) * x.row_stride + first_depth + in_row
                                          : (first_depth + row) * x.row_stride + first + in_row;
    copy_async_4(tile, in_depth * Shape::kStride + in_side, x.elements, origin + from,
                 first + in_side < limit && first_depth + in_depth < depth_limit);
  }
}

template <typename Shape, bool a_along_depth, bool b_along_depth>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kResident)
    multiply_floats(Product<float, float> x) {
  constexpr int kStages = Shape::kStages, kQuads = Shape::kQuads;
  auto& shared = shared_memory<typename Shape::Pipeline>();
  const Tile tile = tile_of_block(x, Shape::kSide, Shape::kSide);
  // A warp is 4 threads down by 8 across: its reads of a are broadcast to 8, those of b to 4.
  const int lane = lane_index(), warp = warp_index();
  const int down = warp / 2 * 4 + lane / 8, across = warp % 2 * 8 + lane % 8;
  const auto stage_of = [&](auto& operand, int stage) {
    return operand.span().subspan(stage * Shape::kElements, Shape::kElements);
  };
  const auto bring_stage = [&](int depth_tile, int stage) {
    if (depth_tile < tile.end) {
      const int depth = depth_tile * Shape::kDepth;
      bring<Shape, a_along_depth>(stage_of(shared.a, stage), x.a, tile.matrix * x.a.batch_stride,
                                  tile.row, x.m, depth, x.k);
      bring<Shape, b_along_depth>(stage_of(shared.b, stage), x.b, tile.matrix * x.b.batch_stride,
                                  tile.column, x.n, depth, x.k);
    }
    copy_async_commit();
  };

  float sums[4 * kQuads][4 * kQuads] = {};
  for (int stage = 0; stage < kStages - 1; ++stage) bring_stage(tile.begin + stage, stage);
  int stage = 0;
  OBVERSE_NO_UNROLL
  for (int depth_tile = tile.begin; depth_tile < tile.end; ++depth_tile) {
    copy_async_wait<kStages - 2>();
    block_barrier();
    // The stage before this one: the barrier came after its last reader.
    bring_stage(depth_tile + kStages - 1, stage == 0 ? kStages - 1 : stage - 1);
    const SharedSpan<float> a_rows = stage_of(shared.a, stage), b_rows = stage_of(shared.b, stage);
    OBVERSE_UNROLL
    for (int p = 0; p < Shape::kDepth; ++p) {
      Vector16<float> a[kQuads], b[kQuads];
      OBVERSE_UNROLL
      for (int quad = 0; quad < kQuads; ++quad) {
        a[quad] = a_rows.load_16(p * Shape::kStride + quad * 64 + down * 4);
        b[quad] = b_rows.load_16(p * Shape::kStride + quad * 64 + across * 4);
      }
      OBVERSE_UNROLL
      for (int i = 0; i < 4 * kQuads; ++i) {
        OBVERSE_UNROLL
        for (int j = 0; j < 4 * kQuads; ++j) sums[i][j] += a[i / 4][i % 4] * b[j / 4][j % 4];
      }
    }
    stage = stage + 1 == kStages ? 0 : stage + 1;
  }

  copy_async_wait<0>();
  const SharedSpan<float> slab = shared_memory<typename Shape::Staging>().sums.span();
  OBVERSE_NO_UNROLL
  for (int pass = 0; pass < 4 * kQuads; ++pass) {
    block_barrier();
    OBVERSE_UNROLL
    for (int i = 0; i < 4 * kQuads; ++i) {  // registers have no indices: each pass tries all
      if (i != pass) continue;
      OBVERSE_UNROLL
      for (int quad = 0; quad < kQuads; ++quad) {
        Vector16<float> vector;
        OBVERSE_UNROLL
        for (int j = 0; j < 4; ++j) vector[j] = sums[i][4 * quad + j];
        slab.store_16(down * Shape::kStride + quad * 64 + across * 4, vector);
      }
    }
    block_barrier();
    write_slab<16, Shape::kSide, Shape::kThreads>(
        x, tile, {slab, Shape::kStride, tile.row + pass / 4 * 64 + pass % 4, 4, tile.column, false},
        thread_index().x);
  }
}

}  // namespace obverse::kernels::cuda::matrix_product
