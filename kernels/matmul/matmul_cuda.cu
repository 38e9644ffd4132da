// One block computes one tile of the product for one part of the depth. bf16: an mma.sync pipeline
// fed by cp.async, both operands lying in shared memory as they lie in global memory and turned,
// where they must be, by ldmatrix. float: fused multiply-adds from a register tile of 4 x 4 or 8
// x 8. Both end in the same epilogue; where the depth is split, a second kernel adds the parts and
// ends there.
#include "kernels/core/device_memory.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/matmul_check.h"
#include "kernels/matmul/matmul_tiles.h"

namespace obverse::kernels::cuda {
namespace {

// ---- Arguments ----

// A matrix that is `depth` long on one side and m or n on the other; `along_depth` where its rows
// run along the depth (K-major).
template <typename T>
struct Operand {
  Span<const T> elements;
  bool along_depth;
  bool aligned;               // rows start at multiples of 16 bytes
  std::int64_t row_stride;    // from one row to the next
  std::int64_t batch_stride;  // from one matrix to the next
};

// What becomes of a finished sum.
template <typename T, typename Out>
struct Epilogue {
  int m, n;
  bool aligned;  // rows of everything start at multiples of 16 bytes
  ActivationKind activation;
  Span<const T> bias;
  Span<const Out> residual;
  Span<Out> pre_activation, out;
  std::int64_t batch_stride;
};

template <typename T, typename Out>
struct Product {
  int m, n, k;
  Operand<T> a, b;
  Epilogue<T, Out> epilogue;
  int tile_rows, tile_columns;  // of the grid of tiles
  int splits, depth_tiles, depth_tiles_of_part;
  Span<float> partial_sums;  // [batch, splits, m, n] where the depth is split
};

// ---- Epilogue ----

// `count` neighbours at once where they fill whole vectors, else one by one.
template <int count, typename Source>
__device__ __forceinline__ void add_values(float (&values)[count], Span<Source> source,
                                           std::int64_t index) {
  constexpr int kVector = 16 / sizeof(Source);
  if constexpr (count % kVector == 0) {
    OBVERSE_UNROLL
    for (int i = 0; i < count; i += kVector) {
      const auto vector = load_16(source, index + i);
      OBVERSE_UNROLL
      for (int j = 0; j < kVector; ++j) values[i + j] += static_cast<float>(vector[j]);
    }
  } else {
    static_assert(count == 1);
    values[0] += static_cast<float>(source[index]);
  }
}

template <int count, typename Out>
__device__ __forceinline__ void store_values(Span<Out> destination, std::int64_t index,
                                             const float (&values)[count]) {
  constexpr int kVector = 16 / sizeof(Out);
  if constexpr (count % kVector == 0) {
    OBVERSE_UNROLL
    for (int i = 0; i < count; i += kVector) {
      Vector16<Out> vector;
      OBVERSE_UNROLL
      for (int j = 0; j < kVector; ++j) vector[j] = Out(values[i + j]);
      store_16(destination, index + i, vector);
    }
  } else {
    static_assert(count == 1);
    destination[index] = Out(values[0]);
  }
}

// Turns the sums of `count` neighbours of a row into elements of the output.
template <int count, typename T, typename Out>
__device__ __forceinline__ void finish(const Epilogue<T, Out>& x, int matrix, std::int64_t index,
                                       int column, float (&values)[count]) {
  const std::int64_t at = matrix * x.batch_stride + index;
  if (!x.bias.empty()) add_values(values, x.bias, column);
  if (x.activation != ActivationKind::none) {
    if (!x.pre_activation.empty()) store_values(x.pre_activation, at, values);
    if (x.activation == ActivationKind::gelu) {
      OBVERSE_UNROLL
      for (float& value : values) value = activate<ActivationKind::gelu>(value);
    } else {
      OBVERSE_UNROLL
      for (float& value : values) value = activate<ActivationKind::relu2>(value);
    }
  }
  if (!x.residual.empty()) add_values(values, x.residual, at);
  store_values(x.out, at, values);
}

// A block's tile.
struct Tile {
  int matrix, part;  // of the batch, of the split
  int row, column;   // of its first element
  int begin, end;    // depth tiles
};

template <typename T, typename Out>
__device__ __forceinline__ Tile tile_of_block(const Product<T, Out>& x, int rows, int columns) {
  const Index block = block_index();
  const TilePosition position = tile_position(block.x, x.tile_rows, x.tile_columns);
  const int begin = block.y * x.depth_tiles_of_part;
  const int end = begin + x.depth_tiles_of_part;
  return {block.z,
          block.y,
          position.row * rows,
          position.column * columns,
          begin,
          end < x.depth_tiles ? end : x.depth_tiles};
}

// Sums of some rows of a tile, laid out in shared memory so that threads next to one another write
// neighbours: 16-byte accesses are then whole lines of 128 bytes, and single elements whole
// sectors.
struct Slab {
  SharedSpan<float> sums;
  int stride;     // from one of its rows to the next
  int row, step;  // its row i is row + i * step of the product
  int column;
};

template <int rows, int columns, int threads, int count, typename T, typename Out>
__device__ __forceinline__ void write_slab_by(const Product<T, Out>& x, const Tile& tile,
                                              const Slab& slab, int thread) {
  constexpr int kAcross = columns / count;
  OBVERSE_NO_UNROLL
  for (int i = thread; i < rows * kAcross; i += threads) {
    const int across = i % kAcross * count;
    const int row = slab.row + i / kAcross * slab.step, column = slab.column + across;
    if (row >= x.m || column >= x.n) continue;
    float values[count];
    const int from = i / kAcross * slab.stride + across;
    if constexpr (count == 1) {
      values[0] = slab.sums.load(from);
    } else {
      OBVERSE_UNROLL
      for (int j = 0; j < count; j += 4) {
        const auto vector = slab.sums.load_16(from + j);
        OBVERSE_UNROLL
        for (int l = 0; l < 4; ++l) values[j + l] = vector[l];
      }
    }
    const std::int64_t index = static_cast<std::int64_t>(row) * x.n + column;
    if (x.splits == 1) {
      finish(x.epilogue, tile.matrix, index, column, values);
    } else {
      const std::int64_t part = static_cast<std::int64_t>(tile.matrix) * x.splits + tile.part;
      store_values(x.partial_sums, part * x.m * x.n + index, values);
    }
  }
}

// Called by `threads` threads, of which this is number `thread`.
template <int rows, int columns, int threads, typename T, typename Out>
__device__ __forceinline__ void write_slab(const Product<T, Out>& x, const Tile& tile,
                                           const Slab& slab, int thread) {
  if (x.epilogue.aligned) {
    write_slab_by<rows, columns, threads, 16 / sizeof(T)>(x, tile, slab, thread);
  } else {
    write_slab_by<rows, columns, threads, 1>(x, tile, slab, thread);
  }
}

// ---- bf16 on tensor cores ----

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
  // Rows of a slab are 8 banks apart: the four rows that half a warp stores pairs to fill all 32.
  static constexpr int kSlabStride = kWarpSide + 8;

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

// Brings a tile of an operand, `side` of m or n by `depth`, in the operand's own order: rows along
// the depth, or along m or n. Zeros stand where the operand ends.
template <typename Shape, bool along_depth, int side>
__device__ __forceinline__ void bring(SharedSpan<bf16> tile, const Operand<bf16>& x,
                                      std::int64_t origin, int first, int limit, int first_depth,
                                      int depth_limit) {
  constexpr int kVector = 8;
  constexpr int kChunks = (along_depth ? Shape::kDepth : side) / kVector;  // of a row
  constexpr int kRows = Shape::kThreads / kChunks;                         // at a time
  constexpr int kTimes = side * Shape::kDepth / kVector / Shape::kThreads;
  const int first_row = along_depth ? first : first_depth;
  const int first_column = along_depth ? first_depth : first;
  const int row_limit = along_depth ? limit : depth_limit;
  const int column_limit = along_depth ? depth_limit : limit;
  const int chunk = thread_index().x % kChunks;
  const int column = first_column + chunk * kVector;
  const int left = column_limit - column;
  const int valid_in_row = left < 0 ? 0 : left < kVector ? left : kVector;
  const auto bring_vector = [&](int i, const auto& move) {
    const int row = thread_index().x / kChunks + i * kRows;
    const int valid = first_row + row < row_limit ? valid_in_row : 0;
    move((row * kChunks + swizzled_chunk(row, chunk, kChunks)) * kVector,
         origin + (first_row + row) * x.row_stride + column, valid);
  };
  if (x.aligned) {
    OBVERSE_UNROLL
    for (int i = 0; i < kTimes; ++i) {
      bring_vector(i, [&](int to, std::int64_t from, int valid) {
        copy_async_16(tile, to, x.elements, from, valid);
      });
    }
  } else {
    OBVERSE_NO_UNROLL
    for (int i = 0; i < kTimes; ++i) {
      bring_vector(i, [&](int to, std::int64_t from, int valid) {
        Vector16<bf16> vector;
        OBVERSE_UNROLL
        for (int j = 0; j < kVector; ++j) vector[j] = j < valid ? x.elements[from + j] : bf16();
        tile.store_16(to, vector);
      });
    }
  }
}

// 16 of m or n from `first` by 16 of the depth from 16 * `step`, as an mma takes it for a; for b,
// words 0 and 2 are its first 8 columns, 1 and 3 the others.
template <typename Shape, bool along_depth, int side>
__device__ __forceinline__ void load_fragment(std::uint32_t (&fragment)[4], SharedSpan<bf16> tile,
                                              int first, int step) {
  constexpr int kChunks = (along_depth ? Shape::kDepth : side) / 8;
  // Each lane names a row of one of four 8 x 8 matrices: m or n runs first over them, then the
  // depth.
  const int lane = lane_index();
  const int in_side = lane / 8 % 2, in_depth = lane / 16;
  const int row =
      along_depth ? first + in_side * 8 + lane % 8 : step * 16 + in_depth * 8 + lane % 8;
  const int chunk = along_depth ? step * 2 + in_depth : first / 8 + in_side;
  load_matrix<4, !along_depth>(fragment, tile,
                               (row * kChunks + swizzled_chunk(row, chunk, kChunks)) * 8);
}

template <typename Shape, bool a_along_depth, bool b_along_depth, typename Out>
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
  // A group a depth tile, without copies past the end, keeps the count of groups that waits go by.
  const auto bring_stage = [&](int depth_tile, int stage) {
    if (depth_tile < tile.end) {
      const int depth = depth_tile * Shape::kDepth;
      bring<Shape, a_along_depth, Shape::kRows>(
          stage_of_a(stage), x.a, tile.matrix * x.a.batch_stride, tile.row, x.m, depth, x.k);
      bring<Shape, b_along_depth, Shape::kColumns>(
          stage_of_b(stage), x.b, tile.matrix * x.b.batch_stride, tile.column, x.n, depth, x.k);
    }
    copy_async_commit();
  };
  struct Fragments {
    std::uint32_t a[kSlices][4], b[2 * kSlices][2];
  };
  const auto load_fragments = [&](Fragments& fragments, int stage, int step) {
    OBVERSE_UNROLL
    for (int i = 0; i < kSlices; ++i) {
      load_fragment<Shape, a_along_depth, Shape::kRows>(fragments.a[i], stage_of_a(stage),
                                                        warp_row + 16 * i, step);
    }
    OBVERSE_UNROLL
    for (int j = 0; j < kSlices; ++j) {
      std::uint32_t both[4];
      load_fragment<Shape, b_along_depth, Shape::kColumns>(both, stage_of_b(stage),
                                                           warp_column + 16 * j, step);
      fragments.b[2 * j][0] = both[0];
      fragments.b[2 * j][1] = both[2];
      fragments.b[2 * j + 1][0] = both[1];
      fragments.b[2 * j + 1][1] = both[3];
    }
  };

  float sums[kSlices][2 * kSlices][4] = {};
  Fragments fragments[2];
  for (int stage = 0; stage < kStages - 1; ++stage) bring_stage(tile.begin + stage, stage);
  copy_async_wait<kStages - 2>();
  block_barrier();
  if (tile.begin < tile.end) load_fragments(fragments[0], 0, 0);
  int stage = 0;
  OBVERSE_NO_UNROLL
  for (int depth_tile = tile.begin; depth_tile < tile.end; ++depth_tile) {
    const int next_stage = stage + 1 == kStages ? 0 : stage + 1;
    OBVERSE_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      // The stage before this one: the last barrier came after its last reader.
      if (step == 0) {
        bring_stage(depth_tile + kStages - 1, stage == 0 ? kStages - 1 : stage - 1);
      }
      // What the next step multiplies is on its way while this one's products are under way.
      if (step + 1 < kSteps) {
        load_fragments(fragments[(step + 1) % 2], stage, step + 1);
      } else if (depth_tile + 1 < tile.end) {
        copy_async_wait<kStages - 2>();
        block_barrier();
        load_fragments(fragments[(step + 1) % 2], next_stage, 0);
      }
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
        const int to = lane / 4 * Shape::kSlabStride + j * 8 + lane % 4 * 2;
        slab.store_pair(to, {sums[i][j][0], sums[i][j][1]});
        slab.store_pair(to + 8 * Shape::kSlabStride, {sums[i][j][2], sums[i][j][3]});
      }
    }
    warp_barrier(kFullMask);
    write_slab<16, Shape::kWarpSide, kWarpSize>(
        x, tile,
        {slab, Shape::kSlabStride, tile.row + warp_row + 16 * pass, 1, tile.column + warp_column},
        lane);
    warp_barrier(kFullMask);
  }
}

// ---- float on the FMA units ----

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
        x, tile, {slab, Shape::kStride, tile.row + pass / 4 * 64 + pass % 4, 4, tile.column},
        thread_index().x);
  }
}

// ---- The second half of a split ----

constexpr int kReductionThreads = 256;

// Adds the parts in order, so that the sum has the same bits on every run.
template <typename T, typename Out, int count>
__global__ void __launch_bounds__(kReductionThreads, 4) add_parts(Product<T, Out> x) {
  const int matrix = block_index().z;
  const std::int64_t elements = static_cast<std::int64_t>(x.m) * x.n;
  const std::int64_t index =
      (static_cast<std::int64_t>(block_index().x) * kReductionThreads + thread_index().x) * count;
  if (index >= elements) return;
  float values[count] = {};
  for (int part = 0; part < x.splits; ++part) {
    const Span<const float> sums = x.partial_sums;
    add_values(values, sums,
               (static_cast<std::int64_t>(matrix) * x.splits + part) * elements + index);
  }
  finish(x.epilogue, matrix, index, static_cast<int>(index % x.n), values);
}

// ---- Launch ----

template <bool a_along_depth, bool b_along_depth, MatmulTile tile, typename T, typename Out>
void launch_tiles(const Product<T, Out>& x, int batch, Stream& stream) {
  const auto launch_kernel = [&]<typename Shape>(const char* name, Shape,
                                                 void (*kernel)(Product<T, Out>)) {
    launch(stream,
           {.kernel = name,
            .grid = {static_cast<unsigned>(x.tile_rows) * static_cast<unsigned>(x.tile_columns),
                     static_cast<unsigned>(x.splits), static_cast<unsigned>(batch)},
            .block = {Shape::kThreads},
            .shared_bytes = sizeof(typename Shape::Pipeline)},
           kernel, x);
  };
  if constexpr (sizeof(T) == 2) {
    using Shape = TensorTile<tile>;
    launch_kernel("matmul on tensor cores", Shape{},
                  multiply_on_tensor_cores<Shape, a_along_depth, b_along_depth, Out>);
  } else if constexpr (tile != MatmulTile::large) {
    using Shape = FloatTile<tile>;
    launch_kernel("matmul of floats", Shape{},
                  multiply_floats<Shape, a_along_depth, b_along_depth>);
  }
}

template <bool a_along_depth, bool b_along_depth, typename T, typename Out>
void launch_tiles(const Product<T, Out>& x, MatmulTile tile, int batch, Stream& stream) {
  switch (tile) {
    case MatmulTile::large:
      return launch_tiles<a_along_depth, b_along_depth, MatmulTile::large>(x, batch, stream);
    case MatmulTile::medium:
      return launch_tiles<a_along_depth, b_along_depth, MatmulTile::medium>(x, batch, stream);
    case MatmulTile::small:
      return launch_tiles<a_along_depth, b_along_depth, MatmulTile::small>(x, batch, stream);
  }
}

template <typename T, typename Out>
void launch_tiles(const Product<T, Out>& x, MatmulTile tile, int batch, Stream& stream) {
  if (x.a.along_depth) {
    x.b.along_depth ? launch_tiles<true, true>(x, tile, batch, stream)
                    : launch_tiles<true, false>(x, tile, batch, stream);
  } else {
    x.b.along_depth ? launch_tiles<false, true>(x, tile, batch, stream)
                    : launch_tiles<false, false>(x, tile, batch, stream);
  }
}

template <typename T>
Operand<T> operand(Span<const T> elements, bool along_depth, std::int64_t side, std::int64_t depth,
                   std::int64_t stride, std::int64_t batch) {
  const std::int64_t width = along_depth ? depth : side;
  const std::int64_t between = batch_stride(stride, side * depth);
  constexpr std::int64_t kVector = 16 / sizeof(T);
  return {.elements = elements,
          .along_depth = along_depth,
          .aligned = is_aligned_16(elements, 0) && width % kVector == 0 &&
                     (batch == 1 || between % kVector == 0),
          .row_stride = width,
          .batch_stride = between};
}

template <typename T, typename Out>
Epilogue<T, Out> epilogue(const Matmul<T, Out>& x) {
  const std::int64_t between = batch_stride(x.out_stride, x.m * x.n);
  // An accumulating product adds what is there as it would add a residual.
  const Span<const Out> residual = x.accumulate ? Span<const Out>(x.out) : x.residual;
  constexpr std::int64_t kVector = 16 / sizeof(T);
  return {.m = static_cast<int>(x.m),
          .n = static_cast<int>(x.n),
          .aligned = x.n % kVector == 0 && (x.batch == 1 || between % kVector == 0) &&
                     is_aligned_16(x.bias, 0) && is_aligned_16(residual, 0) &&
                     is_aligned_16(x.pre_activation, 0) && is_aligned_16(x.out, 0),
          .activation = x.activation,
          .bias = x.bias,
          .residual = residual,
          .pre_activation = x.pre_activation,
          .out = x.out,
          .batch_stride = between};
}

}  // namespace

template <typename T, typename Out>
void matmul(const Matmul<T, Out>& x, const MatmulTiles& tiles, Stream& stream) {
  check_matmul(x);
  // Indices reach one tile past the sizes and must stay below 2^31.
  constexpr std::int64_t kMost = (std::int64_t{1} << 31) - 257, kMostBatch = 65535;
  require(x.m <= kMost && x.n <= kMost && x.k <= kMost, "[matmul] expected sizes of at most ",
          kMost, " on CUDA, got m = ", x.m, ", n = ", x.n, ", k = ", x.k);
  require(x.batch <= kMostBatch, "[matmul] expected a batch of at most ", kMostBatch,
          " on CUDA, got ", x.batch);
  require(sizeof(T) == 2 || tiles.tile != MatmulTile::large,
          "[matmul] expected a small or medium tile for float, got a large one");
  if (x.m == 0 || x.n == 0 || x.batch == 0) return;

  const MatmulTileShape shape = matmul_tile_shape(tiles.tile, sizeof(T));
  const std::int64_t tile_rows = quotient_up(x.m, shape.rows);
  const std::int64_t tile_columns = quotient_up(x.n, shape.columns);
  require(tile_rows * tile_columns <= kMost, "[matmul] expected at most ", kMost, " tiles of ",
          shape.rows, " x ", shape.columns, " on CUDA, got m = ", x.m, ", n = ", x.n);
  const std::int64_t depth_tiles = quotient_up(x.k, shape.depth);
  const int splits = useful_splits(depth_tiles, tiles.splits);
  DeviceArray<float> partial_sums;
  if (splits > 1) partial_sums = DeviceArray<float>(stream, x.batch * splits * x.m * x.n);
  const Product<T, Out> product{
      .m = static_cast<int>(x.m),
      .n = static_cast<int>(x.n),
      .k = static_cast<int>(x.k),
      .a = operand(x.a, !x.transpose_a, x.m, x.k, x.a_stride, x.batch),
      .b = operand(x.b, x.transpose_b, x.n, x.k, x.b_stride, x.batch),
      .epilogue = epilogue(x),
      .tile_rows = static_cast<int>(tile_rows),
      .tile_columns = static_cast<int>(tile_columns),
      .splits = splits,
      .depth_tiles = static_cast<int>(depth_tiles),
      .depth_tiles_of_part = static_cast<int>(depth_tiles_of_part(depth_tiles, splits)),
      .partial_sums = partial_sums.span()};
  const int batch = static_cast<int>(x.batch);
  launch_tiles(product, tiles.tile, batch, stream);
  if (splits == 1) return;
  constexpr int kVector = 16 / sizeof(T);
  const int count = product.epilogue.aligned ? kVector : 1;
  launch(stream,
         {.kernel = "matmul's sum of parts",
          .grid = {static_cast<unsigned>(quotient_up(x.m * x.n, count * kReductionThreads)), 1,
                   static_cast<unsigned>(batch)},
          .block = {kReductionThreads}},
         count == 1 ? add_parts<T, Out, 1> : add_parts<T, Out, kVector>, product);
}

template <typename T, typename Out>
void matmul(const Matmul<T, Out>& x, Stream& stream) {
  const MatmulTiles tiles = choose_matmul_tiles({.m = x.m,
                                                 .n = x.n,
                                                 .k = x.k,
                                                 .batch = x.batch,
                                                 .multiprocessors = stream.multiprocessors(),
                                                 .element_bytes = sizeof(T)});
  matmul(x, tiles, stream);
}

template void matmul(const Matmul<float>&, const MatmulTiles&, Stream&);
template void matmul(const Matmul<bf16>&, const MatmulTiles&, Stream&);
template void matmul(const Matmul<bf16, float>&, const MatmulTiles&, Stream&);
template void matmul(const Matmul<float>&, Stream&);
template void matmul(const Matmul<bf16>&, Stream&);
template void matmul(const Matmul<bf16, float>&, Stream&);

}  // namespace obverse::kernels::cuda
