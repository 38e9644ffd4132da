// Normalizes rows: out = (x - mean) * inverse * gain + bias. Each element is read and written once:
// a row stays in its threads' registers between the sums over it.
#pragma once

#include <cmath>

#include "kernels/core/floats.cuh"
#include "kernels/core/norm_rows.cuh"

namespace obverse::kernels::cuda::norm {

// As in layer_norm.h and rms_norm.h.
template <typename T>
struct Forward {
  RowLayout layout;
  float epsilon = 0.0f;
  Span<const T> input, residual;
  Span<T> sum;
  Span<const T> gain, bias;
  Span<T> out;
  Span<float> mean;  // empty unless rows are centered
  Span<float> inverse;
};

struct ForwardShared {
  SharedArray<float, kWarps> sums, squares;
};

// A row's mean, from the sum of its elements, and its inverse deviation, from that of squared
// distances to the mean.
__device__ __forceinline__ float mean_of(float sum, const RowLayout& layout) {
  return sum / static_cast<float>(layout.width);
}
template <typename T>
__device__ __forceinline__ float inverse_of(const Forward<T>& x, float squares) {
  return 1.0f / std::sqrt(mean_of(squares, x.layout) + x.epsilon);
}
template <typename T>
__device__ __forceinline__ void save(const Forward<T>& x, std::uint32_t row, float mean,
                                     float inverse) {
  if (!x.mean.empty()) x.mean[row] = mean;
  x.inverse[row] = inverse;
}

template <typename T, Centering centering, typename Tile>
__global__ void __launch_bounds__(kThreads) normalize_tiles(Forward<T> x) {
  auto& shared = shared_memory<ForwardShared>();
  const auto row = static_cast<std::uint32_t>(block_index().x) * Tile::kTeams + Tile::team();
  const bool present = row < x.layout.rows;
  const int width = x.layout.width;
  const std::int64_t offset = present ? x.layout.offset(row) : 0;

  float values[Tile::kVectors][Tile::kVector];
  {
    typename Tile::Vectors input, residual;
    Tile::template load<CacheHint::streaming>(input, x.input, offset, width, present);
    const bool adds = !x.residual.empty();
    Tile::template load<CacheHint::streaming>(residual, x.residual, offset, width, present && adds);
    OBVERSE_UNROLL
    for (int i = 0; i < Tile::kVectors; ++i) {
      to_floats<T>(values[i], input[i]);
      if (!adds) continue;
      float added[Tile::kVector];
      to_floats<T>(added, residual[i]);
      OBVERSE_UNROLL
      for (int j = 0; j < Tile::kVector; ++j) added[j] += values[i][j];
      const Vector16<T> rounded = from_floats<T>(added);
      to_floats<T>(values[i], rounded);
      if (present && Tile::column(i) < width) store_16(x.sum, offset + Tile::column(i), rounded);
    }
  }

  float mean = 0.0f;
  if constexpr (centering == Centering::mean) {
    float sum = 0.0f;
    OBVERSE_UNROLL
    for (int i = 0; i < Tile::kVectors; ++i) {
      OBVERSE_UNROLL
      for (int j = 0; j < Tile::kVector; ++j) sum += values[i][j];
    }
    mean = mean_of(team_sum<Tile::kLanes>(sum, shared.sums.span()), x.layout);
  }
  float squares = 0.0f;
  OBVERSE_UNROLL
  for (int i = 0; i < Tile::kVectors; ++i) {
    if (Tile::column(i) >= width) continue;
    OBVERSE_UNROLL
    for (int j = 0; j < Tile::kVector; ++j) {
      values[i][j] -= mean;
      squares += values[i][j] * values[i][j];
    }
  }
  const float inverse = inverse_of(x, team_sum<Tile::kLanes>(squares, shared.squares.span()));

  if (!present) return;
  OBVERSE_UNROLL
  for (int i = 0; i < Tile::kVectors; ++i) {
    if (Tile::column(i) >= width) continue;
    float gain[Tile::kVector], bias[Tile::kVector] = {};
    load_floats(gain, x.gain, Tile::column(i));
    if (!x.bias.empty()) load_floats(bias, x.bias, Tile::column(i));
    OBVERSE_UNROLL
    for (int j = 0; j < Tile::kVector; ++j) {
      values[i][j] = values[i][j] * inverse * gain[j] + bias[j];
    }
    // Not streaming: the product that reads them comes next.
    store_floats(x.out, offset + Tile::column(i), values[i]);
  }
  if (Tile::lane() == 0) save(x, row, mean, inverse);
}

// Any rows: element by element, and once more for each sum.
template <typename T, Centering centering, int lanes>
__global__ void __launch_bounds__(kThreads) normalize_elements(Forward<T> x) {
  auto& shared = shared_memory<ForwardShared>();
  constexpr int kTeams = kThreads / lanes;
  const int lane = thread_index().x % lanes;
  const auto row = static_cast<std::uint32_t>(block_index().x) * kTeams + thread_index().x / lanes;
  const bool present = row < x.layout.rows;
  const int width = present ? x.layout.width : 0;
  const std::int64_t offset = present ? x.layout.offset(row) : 0;
  Span<const T> input = x.input;
  if (!x.residual.empty()) {
    // From here on a thread reads what it wrote itself.
    for (std::int64_t i = offset + lane; i < offset + width; i += lanes) {
      x.sum[i] = T(static_cast<float>(x.input[i]) + static_cast<float>(x.residual[i]));
    }
    input = x.sum;
  }
  float mean = 0.0f;
  if constexpr (centering == Centering::mean) {
    float sum = 0.0f;
    for (std::int64_t i = lane; i < width; i += lanes) sum += static_cast<float>(input[offset + i]);
    mean = mean_of(team_sum<lanes>(sum, shared.sums.span()), x.layout);
  }
  float squares = 0.0f;
  for (std::int64_t i = lane; i < width; i += lanes) {
    const float distance = static_cast<float>(input[offset + i]) - mean;
    squares += distance * distance;
  }
  const float inverse = inverse_of(x, team_sum<lanes>(squares, shared.squares.span()));
  for (std::int64_t i = lane; i < width; i += lanes) {
    const float bias = x.bias.empty() ? 0.0f : static_cast<float>(x.bias[i]);
    x.out[offset + i] =
        T((static_cast<float>(input[offset + i]) - mean) * inverse * static_cast<float>(x.gain[i]) +
          bias);
  }
  if (present && lane == 0) save(x, row, mean, inverse);
}

template <Centering centering, typename T>
void forward(const char* name, const Forward<T>& x, Stream& stream) {
  const RowLayout& layout = x.layout;
  if (layout.rows == 0) return;
  const auto start = [&](int lanes, void (*kernel)(Forward<T>)) {
    launch(stream,
           {.kernel = name,
            .grid = grid_of_teams(layout.rows, lanes),
            .block = {kThreads},
            .shared_bytes = sizeof(ForwardShared)},
           kernel, x);
  };
  const bool aligned =
      rows_are_aligned<T>(layout, {x.input, x.residual, x.sum, x.gain, x.bias, x.out});
  if (aligned && layout.width <= kWidestTile) {
    with_tile(layout.width, [&]<int lanes, int elements>() {
      start(lanes, &normalize_tiles<T, centering, Tile<T, lanes, elements>>);
    });
  } else {
    with_lanes(layout.width,
               [&]<int lanes>() { start(lanes, &normalize_elements<T, centering, lanes>); });
  }
}

}  // namespace obverse::kernels::cuda::norm
