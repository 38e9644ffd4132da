// Sums down columns: parts of so many rows to scratch memory, then these in order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/core/device_memory.h"
#include "kernels/core/division.h"
#include "kernels/core/floats.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/reduction/reduction.h"

namespace obverse::kernels::cuda::reduction {

inline constexpr int kThreads = 256;
inline constexpr int kWarps = kThreads / kWarpSize;

// A warp reads 32 times `columns` neighbours of a row, a block's warps different rows.
inline constexpr int kRowsAtOnce = 4;  // of a warp, under way
inline constexpr std::int64_t kLeastRows = 64, kMostParts = 256;

template <int columns>
struct Columns {
  SharedArray<float, kThreads * columns> sums;
};

// The warps' sums, of their columns each, are added in order; the result is in warp 0.
template <int columns>
__device__ __forceinline__ void sum_of_warps(float (&sums)[columns]) {
  const auto shared = shared_memory<Columns<columns>>().sums.span();
  // A lane's columns are apart, so that neighbouring lanes meet neighbouring banks.
  const int place = warp_index() * columns * kWarpSize + lane_index();
  OBVERSE_UNROLL
  for (int i = 0; i < columns; ++i) shared.store(place + i * kWarpSize, sums[i]);
  block_barrier();
  if (warp_index() != 0) return;
  for (int warp = 1; warp < kWarps; ++warp) {
    OBVERSE_UNROLL
    for (int i = 0; i < columns; ++i) {
      sums[i] += shared.load((warp * columns + i) * kWarpSize + lane_index());
    }
  }
}

// Row r of `parts` becomes the sum of rows r * part_rows and on; where there is only one part, it
// is added to `out`.
template <typename T, int columns>
__global__ void __launch_bounds__(kThreads)
    column_parts_kernel(ColumnSum<T> x, std::int64_t part_rows, Span<float> parts) {
  const std::int64_t column = (std::int64_t{block_index().x} * kWarpSize + lane_index()) * columns;
  const bool inside = column < x.width;
  const std::int64_t begin = block_index().y * part_rows;
  const std::int64_t end = begin + part_rows < x.rows ? begin + part_rows : x.rows;
  float sums[columns] = {};
  if (inside) {
    std::int64_t row = begin + warp_index();
    OBVERSE_NO_UNROLL
    for (; row + (kRowsAtOnce - 1) * kWarps < end; row += kRowsAtOnce * kWarps) {
      float values[kRowsAtOnce][columns];
      OBVERSE_UNROLL
      for (int i = 0; i < kRowsAtOnce; ++i) {
        load_floats<CacheHint::streaming>(values[i], x.input,
                                          (row + i * kWarps) * x.width + column);
      }
      OBVERSE_UNROLL
      for (int i = 0; i < kRowsAtOnce * columns; ++i) {
        sums[i % columns] += values[i / columns][i % columns];
      }
    }
    OBVERSE_NO_UNROLL
    for (; row < end; row += kWarps) {
      float values[columns];
      load_floats<CacheHint::streaming>(values, x.input, row * x.width + column);
      OBVERSE_UNROLL
      for (int i = 0; i < columns; ++i) sums[i] += values[i];
    }
  }
  sum_of_warps(sums);
  if (warp_index() != 0 || !inside) return;
  OBVERSE_UNROLL
  for (int i = 0; i < columns; ++i) {
    if (parts.empty()) {
      x.out[column + i] += sums[i];
    } else {
      parts[block_index().y * x.width + column + i] = sums[i];
    }
  }
}

// A lane has a column, a warp consecutive rows of `parts`.
static __global__ void __launch_bounds__(kThreads)
    column_finish_kernel(Span<const float> parts, std::int64_t width, Span<float> out) {
  const std::int64_t column = std::int64_t{block_index().x} * kWarpSize + lane_index();
  const int rows = static_cast<int>(parts.size() / width), each = quotient_up(rows, kWarps);
  const int begin = warp_index() * each, end = begin + each < rows ? begin + each : rows;
  float sums[1] = {};
  if (column < width) {
    OBVERSE_UNROLL_BY(8)
    for (int row = begin; row < end; ++row) sums[0] += parts[row * width + column];
  }
  sum_of_warps(sums);
  if (warp_index() == 0 && column < width) out[column] += sums[0];
}

template <typename T, int columns>
void sum_columns(const ColumnSum<T>& x, Stream& stream) {
  const std::int64_t part_rows = std::max(kLeastRows, quotient_up(x.rows, kMostParts));
  const std::int64_t count = quotient_up(x.rows, part_rows);
  const DeviceArray<float> parts(stream, count > 1 ? count * x.width : 0);
  const std::int64_t tiles = quotient_up(x.width, kWarpSize * columns);
  launch(stream,
         {.kernel = "column_sum",
          .grid = {static_cast<unsigned>(tiles), static_cast<unsigned>(count)},
          .block = {kThreads},
          .shared_bytes = sizeof(Columns<columns>)},
         &column_parts_kernel<T, columns>, x, part_rows, parts.span());
  if (count == 1) return;
  launch(stream,
         {.kernel = "column_sum finish",
          .grid = {static_cast<unsigned>(quotient_up(x.width, kWarpSize))},
          .block = {kThreads},
          .shared_bytes = sizeof(Columns<1>)},
         &column_finish_kernel, parts.span(), x.width, x.out);
}

}  // namespace obverse::kernels::cuda::reduction
