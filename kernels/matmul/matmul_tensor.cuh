// The matmul of bf16: mma.sync with sums in float, fed by a pipeline of cp.async. Operands lie in
// shared memory as they lie in global memory and are turned, where they must be, by ldmatrix.
#pragma once

#include "kernels/core/launch.cuh"
#include "kernels/core/swizzle.h"
#include "kernels/matmul/matmul_epilogue.cuh"

namespace obverse::kernels::cuda::matrix_product {

template <MatmulTile tile>
struct TensorTile {
  static constexpr MatmulTileShape kShape = matmul_tile_shape(tile, sizeof(bf16));
  static constexpr int kRows = kShape.rows, kColumns = kShape.columns, kDepth = kShape.depth;
  static constexpr int kResident = kShape.resident;
  // A warp reads (rows + columns) * 32 bytes from shared memory for rows * columns / 128 mma: at 64
  // x 64 about two thirds of what shared memory gives while Hopper's mma.sync runs at its best.
  static constexpr int kWarpSide = tile == MatmulTile::small ? 32 : 64;
  static constexpr int kWarpColumns = kColumns / kWarpSide;
  static constexpr int kWarps = kRows / kWarpSide * kWarpColumns;
  static constexpr int kThreads = kWarps * kWarpSize;
  // Depth tiles in shared memory: one at work, the others arriving. 96 KiB at the most, so that a
  // block of the largest tile fits every device since sm_80.
  static constexpr int kStages = 4;
  static constexpr int kElementsOfA = kRows * kDepth, kElementsOfB = kColumns * kDepth;
  static constexpr int kSteps = kDepth / 16;      // an mma is 16 deep
  static constexpr int kSlices = kWarpSide / 16;  // of a warp's side
  static_assert(kSteps % 2 == 0);  // each depth tile starts with the same half of the fragments
  static constexpr int kSlabStride = kWarpSide + 8;  // as spread_column() asks

  struct Pipeline {
    SharedArray<bf16, kStages * kElementsOfA> a;
    SharedArray<bf16, kStages * kElementsOfB> b;
  };
  // Takes the pipeline's place when that has run dry.
  struct Staging {
    SharedArray<float, kWarps * 16 * kSlabStride> sums;
  };
  static_assert(sizeof(Staging) <= sizeof(Pipeline));
};

// One thread's part in bringing an operand's tiles, one after another along the depth, each `side`
// of m or n by kDepth. They lie as the operand does, rows along the depth or along m or n, with
// zeros where it ends, and for tiles past the depth's limit nothing but zeros. What does not change
// from tile to tile is computed once: next to the products, every instruction counts.
template <typename Shape, bool along_depth, int side, bool aligned>
class Feeder {
 public:
  __device__ __forceinline__ Feeder(const Operand<bf16>& x, int matrix, int first, int limit,
                                    int first_depth, int depth_limit)
      : x_(x), limit_(limit), depth_limit_(depth_limit) {
    const int row = thread_index().x / kChunks, chunk = thread_index().x % kChunks;
    at_ = first + (along_depth ? row : chunk * kVector);
    depth_ = first_depth + (along_depth ? chunk * kVector : row);
    from_ = matrix * x.batch_stride +
            (along_depth ? at_ * x.row_stride + depth_ : depth_ * x.row_stride + at_);
    to_ = (row * kChunks + swizzled_chunk(row, chunk, kChunks)) * kVector;
  }

  __device__ __forceinline__ void bring_next(SharedSpan<bf16> tile) {
    if (aligned || x_.aligned) {
      OBVERSE_UNROLL
      for (int i = 0; i < kTimes; ++i) {
        // Whole vectors or none: the width is a multiple of them.
        copy_async_16(tile, to_ + i * kRows * kChunks * kVector, x_.elements, from(i),
                      inside(i) ? kVector : 0);
      }
    } else {
      OBVERSE_NO_UNROLL
      for (int i = 0; i < kTimes; ++i) {
        const int left = along_depth ? depth_limit_ - depth_ : limit_ - at_;
        Vector16<bf16> vector;
        OBVERSE_UNROLL
        for (int j = 0; j < kVector; ++j) {
          vector[j] = inside(i) && j < left ? x_.elements[from(i) + j] : bf16();
        }
        tile.store_16(to_ + i * kRows * kChunks * kVector, vector);
      }
    }
    depth_ += Shape::kDepth;
    from_ += along_depth ? Shape::kDepth : Shape::kDepth * x_.row_stride;
  }

 private:
  static constexpr int kVector = 8;
  static constexpr int kChunks = (along_depth ? Shape::kDepth : side) / kVector;  // of a row
  static constexpr int kRows = Shape::kThreads / kChunks;                         // at a time
  static constexpr int kTimes = side * Shape::kDepth / kVector / Shape::kThreads;
  static_assert(kRows % 8 == 0);  // so that the swizzle is the same each time

  __device__ __forceinline__ std::int64_t from(int i) const {
    return from_ + i * kRows * x_.row_stride;
  }
  __device__ __forceinline__ bool inside(int i) const {
    const int rows = i * kRows;
    return at_ + (along_depth ? rows : 0) < limit_ &&
           depth_ + (along_depth ? 0 : rows) < depth_limit_;
  }

  const Operand<bf16>& x_;
  int limit_, depth_limit_;
  int at_, depth_;     // of the first vector's first element, along m or n and along the depth
  std::int64_t from_;  // its index
  int to_;             // its place in the tile
};

// One lane's part in reading an operand's tile as fragments: each is 16 of m or n by 16 of the
// depth, as four matrices of 8 x 8. For a, m runs first over them and then the depth, for b the
// depth and then n, so that an mma finds what it takes in neighbouring registers.
template <typename Shape, bool along_depth, bool depth_first, int side>
class Reader {
 public:
  // Of the part of m or n that starts at `first`.
  __device__ __forceinline__ explicit Reader(int first) {
    // Each lane names a row of one of the matrices.
    const int lane = lane_index();
    const int in_side = depth_first ? lane / 16 : lane / 8 % 2;
    const int in_depth = depth_first ? lane / 8 % 2 : lane / 16;
    const int row = lane % 8 + (along_depth ? first + in_side * 8 : in_depth * 8);
    const int chunk = along_depth ? in_depth : first / 8 + in_side;
    at_ = (row * kChunks + swizzled_chunk(row, chunk, kChunks)) * 8;
  }

  // From 16 * `slice` of the part and 16 * `step` of the depth. Both are known when compiled, and
  // with them the distance from at_: the swizzle is the same 16 rows on, and as `first` is a
  // multiple of a warp's side, 2 * slice or 2 * step are bits that are 0 in the first chunk, so
  // that they may be flipped after the swizzle as well as before.
  __device__ __forceinline__ void load(std::uint32_t (&fragment)[4], SharedSpan<bf16> tile,
                                       int slice, int step) const {
    const int rows = 16 * (along_depth ? slice : step);
    const int chunks = 2 * (along_depth ? step : slice);
    load_matrix<4, !along_depth>(fragment, tile, (at_ ^ chunks * 8) + rows * kChunks * 8);
  }

 private:
  static constexpr int kChunks = (along_depth ? Shape::kDepth : side) / 8;  // of a row

  int at_;  // where the row starts of the first slice and step
};

// `aligned` where both operands are: a branch on it inside of the main loop would keep the copies
// from being issued in between the products.
template <typename Shape, bool a_along_depth, bool b_along_depth, bool aligned, typename Out>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kResident)
    multiply_on_tensor_cores(Product<bf16, Out> x) {
  constexpr int kSlices = Shape::kSlices, kSteps = Shape::kSteps, kStages = Shape::kStages;
  auto& shared = shared_memory<typename Shape::Pipeline>();
  const Tile tile = tile_of_block(x, Shape::kRows, Shape::kColumns);
  const int warp_row = warp_index() / Shape::kWarpColumns * Shape::kWarpSide;
  const int warp_column = warp_index() % Shape::kWarpColumns * Shape::kWarpSide;
  const auto stage_of_a = [&](int stage) {
    return shared.a.span().subspan(stage * Shape::kElementsOfA, Shape::kElementsOfA);
  };
  const auto stage_of_b = [&](int stage) {
    return shared.b.span().subspan(stage * Shape::kElementsOfB, Shape::kElementsOfB);
  };

  const int depth = tile.begin * Shape::kDepth, part_end = tile.end * Shape::kDepth;
  const int depth_limit = part_end < x.k ? part_end : x.k;
  Feeder<Shape, a_along_depth, Shape::kRows, aligned> feeder_of_a(x.a, tile.matrix, tile.row, x.m,
                                                                  depth, depth_limit);
  Feeder<Shape, b_along_depth, Shape::kColumns, aligned> feeder_of_b(x.b, tile.matrix, tile.column,
                                                                     x.n, depth, depth_limit);
  // A group of copies is one depth tile. Those past the end bring zeros that nothing is multiplied
  // with; without a branch around them the main loop is one straight line.
  const auto bring_stage = [&](int stage) {
    feeder_of_a.bring_next(stage_of_a(stage));
    feeder_of_b.bring_next(stage_of_b(stage));
    copy_async_commit();
  };

  const Reader<Shape, a_along_depth, false, Shape::kRows> reader_of_a(warp_row);
  const Reader<Shape, b_along_depth, true, Shape::kColumns> reader_of_b(warp_column);
  struct Fragments {
    std::uint32_t a[kSlices][4], b[2 * kSlices][2];
  };
  const auto load_fragments = [&](Fragments& fragments, int stage, int step) {
    OBVERSE_UNROLL
    for (int i = 0; i < kSlices; ++i) {
      reader_of_a.load(fragments.a[i], stage_of_a(stage), i, step);
    }
    OBVERSE_UNROLL
    for (int j = 0; j < kSlices; ++j) {
      std::uint32_t both[4];  // two blocks of 8 columns
      reader_of_b.load(both, stage_of_b(stage), j, step);
      for (int l = 0; l < 4; ++l) fragments.b[2 * j + l / 2][l % 2] = both[l];
    }
  };

  float sums[kSlices][2 * kSlices][4] = {};
  Fragments fragments[2];
  for (int stage = 0; stage < kStages - 1; ++stage) bring_stage(stage);
  copy_async_wait<kStages - 2>();
  block_barrier();
  load_fragments(fragments[0], 0, 0);
  int stage = 0;
  OBVERSE_NO_UNROLL
  for (int depth_tile = tile.begin; depth_tile < tile.end; ++depth_tile) {
    const int next_stage = (stage + 1) % kStages;
    OBVERSE_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      // What the next step multiplies is on its way while this one's products are under way.
      if (step + 1 < kSteps) {
        load_fragments(fragments[(step + 1) % 2], stage, step + 1);
      } else {
        copy_async_wait<kStages - 2>();
        block_barrier();
        load_fragments(fragments[(step + 1) % 2], next_stage, 0);
      }
      // Into the stage before this one: the last barrier came after its last reader.
      if (step == 0) bring_stage((stage + kStages - 1) % kStages);
      OBVERSE_UNROLL
      for (int i = 0; i < kSlices; ++i) {
        OBVERSE_UNROLL
        for (int j = 0; j < 2 * kSlices; ++j) {
          multiply_accumulate(sums[i][j], fragments[step % 2].a[i], fragments[step % 2].b[j]);
        }
      }
    }
    stage = next_stage;
  }

  copy_async_wait<0>();
  block_barrier();
  const SharedSpan<float> slab = shared_memory<typename Shape::Staging>().sums.span().subspan(
      warp_index() * 16 * Shape::kSlabStride, 16 * Shape::kSlabStride);
  const int lane = lane_index();
  OBVERSE_NO_UNROLL
  for (int pass = 0; pass < kSlices; ++pass) {
    OBVERSE_UNROLL
    for (int i = 0; i < kSlices; ++i) {  // registers have no indices: each pass tries all
      if (i != pass) continue;
      OBVERSE_UNROLL
      for (int j = 0; j < 2 * kSlices; ++j) {
        const int to =
            lane / 4 * Shape::kSlabStride + spread_column(j * 8 + lane % 4 * 2, Shape::kWarpSide);
        slab.store_pair(to, {sums[i][j][0], sums[i][j][1]});
        slab.store_pair(to + 8 * Shape::kSlabStride, {sums[i][j][2], sums[i][j][3]});
      }
    }
    warp_barrier(kFullMask);
    write_slab<16, Shape::kWarpSide, kWarpSize>(
        x, tile,
        {slab, Shape::kSlabStride, tile.row + warp_row + 16 * pass, 1, tile.column + warp_column,
         true},
        lane);
    warp_barrier(kFullMask);
  }
}

}  // namespace obverse::kernels::cuda::matrix_product
