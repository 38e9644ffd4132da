// Gradients of normalized rows. With y = (x - mean) * inverse and g = output_gradient * gain, the
// input's is inverse * (g - mean(g) - y * mean(g * y)), without mean(g) where rows are not
// centered; the gain's is the sum over rows of output_gradient * y, the bias's that of
// output_gradient.
#pragma once

#include <algorithm>

#include "kernels/core/device_memory.h"
#include "kernels/core/floats.cuh"
#include "kernels/core/norm_columns.cuh"
#include "kernels/core/norm_rows.cuh"

namespace obverse::kernels::cuda::norm {

// What a row's sums are taken of: g * y, and where rows are centered g.
template <Centering centering>
constexpr int kRowSums = centering == Centering::mean ? 2 : 1;

// The gain, which all rows want and no thread has registers for. Sums over rows, for each warp and
// in two buffers that take turns, so that one barrier a row is enough. Then the block's teams' sums
// of columns, one parameter after the other.
template <typename T, typename Tile>
struct TileShared {
  SharedArray<T, Tile::kWidth> gain;
  SharedArray<float, 4 * kWarps> sums;
  // A column of a row that has the block to itself has one owner.
  SharedArray<float, Tile::kTeams == 1 ? 1 : Tile::kTeams * Tile::kWidth> columns;
};

// Blocks that a multiprocessor's registers hold at once: a thread has vectors of three arrays, sums
// for each parameter, and some thirty more.
template <Centering centering, typename Tile>
constexpr int resident_blocks() {
  constexpr int kParameters = centering == Centering::mean ? 2 : 1;
  constexpr int kVectorRegisters = 3 * static_cast<int>(sizeof(typename Tile::Vectors)) / 4;
  constexpr int kNeeded = kVectorRegisters + kParameters * Tile::kElements + 30;
  constexpr int kThere = 65536 / kThreads;
  return kThere / kNeeded;
}

// parts[block][column] = the sum over the block's teams, in order.
template <typename Tile>
__device__ __forceinline__ void write_part(Span<float> parts, int width, SharedSpan<float> columns,
                                           const float (&sums)[Tile::kVectors][Tile::kVector]) {
  const std::int64_t first = std::int64_t{block_index().x} * width;
  if constexpr (Tile::kTeams == 1) {
    OBVERSE_UNROLL
    for (int i = 0; i < Tile::kVectors; ++i) {
      if (Tile::column(i) >= width) continue;
      OBVERSE_UNROLL
      for (int j = 0; j < Tile::kVector; ++j) parts[first + Tile::column(i) + j] = sums[i][j];
    }
  } else {
    block_barrier();
    OBVERSE_UNROLL
    for (int i = 0; i < Tile::kVectors; ++i) {
      OBVERSE_UNROLL
      for (int j = 0; j < Tile::kVector; j += 4) {
        columns.store_16(Tile::team() * Tile::kWidth + Tile::column(i) + j,
                         {sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]});
      }
    }
    block_barrier();
    for (int column = thread_index().x; column < width; column += kThreads) {
      float sum = 0.0f;
      OBVERSE_UNROLL_BY(8)
      for (int team = 0; team < Tile::kTeams; ++team) {
        sum += columns.load(team * Tile::kWidth + column);
      }
      parts[first + column] = sum;
    }
  }
}

// A team goes from row to row and keeps its sums of columns in registers.
template <typename T, Centering centering, typename Tile>
__global__ void __launch_bounds__(kThreads, resident_blocks<centering, Tile>())
    differentiate_tiles(Backward<T> x) {
  constexpr bool kCentered = centering == Centering::mean;
  auto& shared = shared_memory<TileShared<T, Tile>>();
  const int width = x.layout.width;
  const auto gains = shared.gain.span();
  for (int column = thread_index().x * Tile::kVector; column < Tile::kWidth;
       column += kThreads * Tile::kVector) {
    gains.store_16(column, column < width ? load_16(x.gain, column) : Vector16<T>{});
  }
  block_barrier();
  float gain_sums[Tile::kVectors][Tile::kVector] = {};
  float bias_sums[kCentered ? Tile::kVectors : 1][Tile::kVector] = {};
  int buffer = 0;

  // All threads take as many turns, since they meet in sums.
  const std::uint32_t step = static_cast<std::uint32_t>(grid_size().x) * Tile::kTeams;
  for (std::uint32_t first = static_cast<std::uint32_t>(block_index().x) * Tile::kTeams;
       first < x.layout.rows; first += step) {
    const std::uint32_t row = first + Tile::team();
    const bool present = row < x.layout.rows;
    const std::int64_t offset = present ? x.layout.offset(row) : 0;
    typename Tile::Vectors input, gradient, residual;
    Tile::template load<CacheHint::streaming>(input, x.input, offset, width, present);
    Tile::template load<CacheHint::streaming>(gradient, x.output_gradient, offset, width, present);
    Tile::template load<CacheHint::streaming>(residual, x.residual_gradient, offset, width,
                                              present && !x.residual_gradient.empty());
    const float mean = kCentered && present ? x.mean[row] : 0.0f;
    const float inverse = present ? x.inverse[row] : 0.0f;

    float sums[kRowSums<centering>] = {};
    OBVERSE_UNROLL
    for (int i = 0; i < Tile::kVectors; ++i) {
      const Vector16<T> gain = gains.load_16(Tile::column(i));
      OBVERSE_UNROLL
      for (int j = 0; j < Tile::kVector; ++j) {
        const float y = (static_cast<float>(input[i][j]) - mean) * inverse;
        const float from_out = static_cast<float>(gradient[i][j]);
        const float scaled = from_out * static_cast<float>(gain[j]);
        gain_sums[i][j] += from_out * y;
        sums[0] += scaled * y;
        if constexpr (kCentered) {
          bias_sums[i][j] += from_out;
          sums[1] += scaled;
        }
      }
    }
    team_sums<Tile::kLanes>(sums, shared.sums.span().subspan(2 * kWarps * buffer, 2 * kWarps));
    buffer ^= 1;
    const float slope = sums[0] / static_cast<float>(width);
    const float level =
        kCentered ? sums[kRowSums<centering> - 1] / static_cast<float>(width) : 0.0f;

    if (!present) continue;
    OBVERSE_UNROLL
    for (int i = 0; i < Tile::kVectors; ++i) {
      if (Tile::column(i) >= width) continue;
      forget(input[i]);
      forget(gradient[i]);
      const Vector16<T> gain = gains.load_16(Tile::column(i));
      float result[Tile::kVector];
      OBVERSE_UNROLL
      for (int j = 0; j < Tile::kVector; ++j) {
        const float y = (static_cast<float>(input[i][j]) - mean) * inverse;
        const float scaled = static_cast<float>(gradient[i][j]) * static_cast<float>(gain[j]);
        result[j] = inverse * (scaled - level - y * slope) + static_cast<float>(residual[i][j]);
      }
      store_floats(x.input_gradient, offset + Tile::column(i), result);
    }
  }

  write_part<Tile>(x.gain_parts, width, shared.columns.span(), gain_sums);
  if constexpr (kCentered) {
    if (!x.bias_parts.empty()) {
      write_part<Tile>(x.bias_parts, width, shared.columns.span(), bias_sums);
    }
  }
}

struct ElementsShared {
  SharedArray<float, 2 * kWarps> sums;
};

// The input's gradient for any rows: element by element, and twice.
template <typename T, Centering centering, int lanes>
__global__ void __launch_bounds__(kThreads) differentiate_elements(Backward<T> x) {
  auto& shared = shared_memory<ElementsShared>();
  const int lane = thread_index().x % lanes;
  const auto row =
      static_cast<std::uint32_t>(block_index().x) * (kThreads / lanes) + thread_index().x / lanes;
  const bool present = row < x.layout.rows;
  const int width = present ? x.layout.width : 0;
  const std::int64_t offset = present ? x.layout.offset(row) : 0;
  const float mean = centering == Centering::mean && present ? x.mean[row] : 0.0f;
  const float inverse = present ? x.inverse[row] : 0.0f;
  const auto y_at = [&](std::int64_t i) {
    return (static_cast<float>(x.input[offset + i]) - mean) * inverse;
  };
  const auto scaled_at = [&](std::int64_t i) {
    return static_cast<float>(x.output_gradient[offset + i]) * static_cast<float>(x.gain[i]);
  };
  float sums[kRowSums<centering>] = {};
  for (std::int64_t i = lane; i < width; i += lanes) {
    sums[0] += scaled_at(i) * y_at(i);
    if constexpr (centering == Centering::mean) sums[1] += scaled_at(i);
  }
  team_sums<lanes>(sums, shared.sums.span());
  const auto row_width = static_cast<float>(x.layout.width);
  const float slope = sums[0] / row_width;
  const float level =
      centering == Centering::mean ? sums[kRowSums<centering> - 1] / row_width : 0.0f;
  for (std::int64_t i = lane; i < width; i += lanes) {
    const float residual =
        x.residual_gradient.empty() ? 0.0f : static_cast<float>(x.residual_gradient[offset + i]);
    x.input_gradient[offset + i] = T(inverse * (scaled_at(i) - level - y_at(i) * slope) + residual);
  }
}

template <Centering centering, typename T>
void backward(const char* name, Backward<T> x, Stream& stream) {
  const RowLayout& layout = x.layout;
  const std::int64_t width = layout.width;
  if (layout.rows == 0) return;
  const auto start = [&](Extent grid, unsigned threads, std::size_t shared_bytes,
                         void (*kernel)(Backward<T>)) {
    launch(stream, {.kernel = name, .grid = grid, .block = {threads}, .shared_bytes = shared_bytes},
           kernel, x);
  };
  DeviceArray<float> memory;
  const auto set_parts = [&](std::int64_t parts) {
    const std::int64_t size = parts * width;
    memory = DeviceArray<float>(stream, x.bias_gradient.empty() ? size : 2 * size);
    x.gain_parts = memory.span().subspan(0, size);
    x.bias_parts = memory.span().subspan(size, memory.size() - size);
  };
  const auto column_blocks = static_cast<unsigned>(quotient_up(width, kWarpSize));
  const auto start_on_columns = [&](unsigned grid_y, std::int64_t rows,
                                    void (*kernel)(Backward<T>)) {
    const auto threads = std::min<std::int64_t>(kMostColumnThreads, rows * kWarpSize);
    start({column_blocks, grid_y}, static_cast<unsigned>(threads), sizeof(ColumnShared), kernel);
  };

  std::int64_t parts = 0;
  const bool aligned = rows_are_aligned<T>(
      layout, {x.input, x.gain, x.output_gradient, x.residual_gradient, x.input_gradient});
  if (aligned && width <= kWidestTile) {
    with_tile(width, [&]<int lanes, int elements>() {
      using RowTile = Tile<T, lanes, elements>;
      // No more than are there at once: each block's part of the sums is written and read again.
      const unsigned blocks = std::min(
          grid_of_teams(layout.rows, lanes).x,
          static_cast<unsigned>(stream.multiprocessors() * resident_blocks<centering, RowTile>()));
      parts = blocks;
      set_parts(parts);
      start({blocks}, kThreads, sizeof(TileShared<T, RowTile>),
            &differentiate_tiles<T, centering, RowTile>);
    });
  } else {
    // Four blocks for each multiprocessor, but not more than sixteen warps have rows for.
    parts = std::min(quotient_up(std::int64_t{layout.rows}, 16),
                     quotient_up(std::int64_t{4} * stream.multiprocessors(), column_blocks));
    set_parts(parts);
    start_on_columns(static_cast<unsigned>(parts), layout.rows, &sum_columns<T, centering>);
    with_lanes(width, [&]<int lanes>() {
      start(grid_of_teams(layout.rows, lanes), kThreads, sizeof(ElementsShared),
            &differentiate_elements<T, centering, lanes>);
    });
  }
  start_on_columns(x.bias_parts.empty() ? 1 : 2, parts, &add_parts<T, centering>);
}

}  // namespace obverse::kernels::cuda::norm
