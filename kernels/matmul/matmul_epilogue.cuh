// What the matmul kernels share: their arguments, which tile a block computes, and the epilogue,
// which turns sums in shared memory into bias, activation, residual and elements of the output.
#pragma once

#include "kernels/core/ptx.cuh"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/matmul_check.h"
#include "kernels/matmul/matmul_tiles.h"

namespace obverse::kernels::cuda::matrix_product {

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
Epilogue<T, Out> epilogue_of(const Matmul<T, Out>& x) {
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
  bool spread;  // its columns lie as spread_column() says, else in order
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
    const auto from = [&](int column_of_slab) {
      return i / kAcross * slab.stride +
             (slab.spread ? spread_column(column_of_slab, columns) : column_of_slab);
    };
    if constexpr (count == 1) {
      values[0] = slab.sums.load(from(across));
    } else {
      OBVERSE_UNROLL
      for (int j = 0; j < count; j += 4) {
        const auto vector = slab.sums.load_16(from(across + j));
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

}  // namespace obverse::kernels::cuda::matrix_product
