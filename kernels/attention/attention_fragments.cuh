// What the attention kernels are made of: tiles in swizzled shared memory, copies into and out of
// them, and products of tiles by one warp, on tensor cores for bf16 and in plain fp32 arithmetic
// for float. Both leave their sums in the layout of mma.m16n8k16: with g = lane / 4, t = lane % 4 a
// lane holds rows g and g + 8, columns 2t and 2t + 1 of each 16 x 8 tile.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/attention/attention_tiles.h"
#include "kernels/core/division.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"
#include "kernels/core/swizzle.h"

namespace obverse::kernels::cuda::attention {

// [row tile of 16][column tile of 8][element of the lane]
template <int row_tiles, int column_tiles>
struct Sums {
  float at[row_tiles][column_tiles][4];

  __device__ __forceinline__ void multiply(float factor) {
    OBVERSE_UNROLL
    for (int i = 0; i < row_tiles; ++i) {
      OBVERSE_UNROLL
      for (int j = 0; j < column_tiles; ++j) {
        OBVERSE_UNROLL
        for (int e = 0; e < 4; ++e) at[i][j][e] *= factor;
      }
    }
  }
};

// The lane's place in a 16 x 8 tile of sums.
__device__ __forceinline__ int lane_row() { return lane_index() / 4; }
__device__ __forceinline__ int lane_column() { return 2 * (lane_index() % 4); }

// Over the four lanes that share a row.
__device__ __forceinline__ float row_sum(float value) {
  value += shuffle_xor(kFullMask, value, 1);
  return value + shuffle_xor(kFullMask, value, 2);
}
__device__ __forceinline__ float row_max(float value) {
  value = fmaxf(value, shuffle_xor(kFullMask, value, 1));
  return fmaxf(value, shuffle_xor(kFullMask, value, 2));
}

// ---- Tiles ----

// Rows of `columns` elements in shared memory, each with its sixteen-byte chunks swizzled.
template <typename T, int columns>
struct Tile {
  static constexpr int kChunk = 16 / static_cast<int>(sizeof(T));  // elements
  static constexpr int kChunks = columns / kChunk;

  SharedSpan<T> elements;

  // Of an element; neighbours within a chunk are neighbours in memory.
  __device__ __forceinline__ static int index(int row, int column) {
    return row * columns + swizzled_chunk(row, column / kChunk, kChunks) * kChunk + column % kChunk;
  }
  // Of the element `distance` columns to the right of the one at `index`. The swizzle changes only
  // which of eight chunks it is: the rest of a constant distance becomes part of an instruction.
  // REQUIRES: distance is a multiple of kChunk that shares no bit with the column at `index`.
  __device__ __forceinline__ static constexpr int right_of(int index, int distance) {
    constexpr int kSwizzled = 8 * kChunk;
    return (index ^ distance % kSwizzled) + distance / kSwizzled * kSwizzled;
  }
  // Of the element `rows` below. REQUIRES: rows is a multiple of 8.
  __device__ __forceinline__ static constexpr int below(int index, int rows) {
    return index + rows * columns;
  }
};

template <int columns, typename Array>
__device__ __forceinline__ auto tile_of(Array& array) {
  auto span = array.span();
  return Tile<typename decltype(span)::Element, columns>{span};
}

// One head of consecutive tokens in global memory: rows `stride` elements apart.
template <typename T>
struct HeadRows {
  Span<T> elements;
  std::int64_t first = 0, stride = 0;
  int head_size = 0;
  bool aligned = false;  // every row starts at, and is, a multiple of 16 bytes
};

template <typename T>
__device__ __forceinline__ HeadRows<T> rows_of_head(const HeadView<T>& view,
                                                    const AttentionShape& shape, int batch,
                                                    int head, bool aligned) {
  const int size = static_cast<int>(shape.head_size);
  const int sequence = static_cast<int>(shape.sequence);
  return {view.elements, std::int64_t{batch} * sequence * view.stride + head * size, view.stride,
          size, aligned};
}

// Starts the copy of rows [begin, begin + tile_rows) of `source` by the whole block. Rows from
// `end` on, and columns from the head's size on, become zeros. The tile may be read after the
// copies were waited for and a block barrier.
template <int threads, int tile_rows, typename T, int columns>
__device__ __forceinline__ void start_copy(const Tile<T, columns>& tile,
                                           const HeadRows<const T>& source, int begin, int end) {
  constexpr int kChunk = Tile<T, columns>::kChunk, kChunks = Tile<T, columns>::kChunks;
  static_assert(threads % kChunks == 0 && tile_rows * kChunks % threads == 0);
  const int column = thread_index().x % kChunks * kChunk;
  const int left = source.head_size - column;
  const int valid_columns = left < 0 ? 0 : left < kChunk ? left : kChunk;
  const int first_row = thread_index().x / kChunks;
  if (source.aligned) {
    // Unrolled, the addresses of all rows would be alive at once, on top of a warp's sums.
    OBVERSE_NO_UNROLL
    for (int row = first_row; row < first_row + tile_rows; row += threads / kChunks) {
      const int valid = begin + row < end ? valid_columns : 0;
      // Nothing is read where nothing is valid, but the address must be a good one.
      const std::int64_t from =
          valid > 0 ? source.first + (begin + row) * source.stride + column : 0;
      copy_async_16(tile.elements, tile.index(row, column), source.elements, from, valid);
    }
  } else {
    OBVERSE_NO_UNROLL
    for (int row = first_row; row < first_row + tile_rows; row += threads / kChunks) {
      const int valid = begin + row < end ? valid_columns : 0;
      Vector16<T> chunk;
      OBVERSE_UNROLL
      for (int i = 0; i < kChunk; ++i) {
        chunk[i] = i < valid
                       ? source.elements[source.first + (begin + row) * source.stride + column + i]
                       : T(0.0f);
      }
      tile.elements.store_16(tile.index(row, column), chunk);
    }
  }
}

// Stores a warp's sums as rows [begin, begin + 16 * row_tiles) of `destination`, but none from
// `end` on. They pass through rows from `tile_row` on of a tile that the warp alone still uses, so
// that global memory sees whole rows.
template <int row_tiles, int column_tiles, typename T>
__device__ __forceinline__ void store_rows(const Sums<row_tiles, column_tiles>& sums,
                                           const Tile<T, 8 * column_tiles>& tile, int tile_row,
                                           const HeadRows<T>& destination, int begin, int end) {
  constexpr int kChunk = Tile<T, 8 * column_tiles>::kChunk;
  constexpr int kChunks = Tile<T, 8 * column_tiles>::kChunks;
  warp_barrier(kFullMask);
  OBVERSE_UNROLL
  for (int i = 0; i < row_tiles; ++i) {
    OBVERSE_UNROLL
    for (int j = 0; j < column_tiles; ++j) {
      OBVERSE_UNROLL
      for (int half = 0; half < 2; ++half) {
        tile.elements.store_pair(
            tile.index(tile_row + 16 * i + 8 * half + lane_row(), 8 * j + lane_column()),
            {T(sums.at[i][j][2 * half]), T(sums.at[i][j][2 * half + 1])});
      }
    }
  }
  warp_barrier(kFullMask);
  OBVERSE_NO_UNROLL
  for (int chunk = lane_index(); chunk < 16 * row_tiles * kChunks; chunk += kWarpSize) {
    const int row = chunk / kChunks, column = chunk % kChunks * kChunk;
    if (begin + row >= end || column >= destination.head_size) continue;
    const Vector16<T> values = tile.elements.load_16(tile.index(tile_row + row, column));
    const std::int64_t to = destination.first + (begin + row) * destination.stride + column;
    if (destination.aligned) {
      store_16(destination.elements, to, values);
    } else {
      OBVERSE_UNROLL
      for (int e = 0; e < kChunk; ++e) {
        if (column + e < destination.head_size) destination.elements[to + e] = values[e];
      }
    }
  }
}

// ---- Products of one warp, bf16 ----

// sums += a b^T: rows from `a_row` on of a times all rows of b, along their `depth` columns. Of a
// loop that is wholly unrolled ptxas computes every address before the caller's loop; where no
// registers are free for them, `unrolled` says how many steps may stand in a row.
template <int unrolled = 8, int row_tiles, int column_tiles, int depth>
__device__ __forceinline__ void multiply_rows(Sums<row_tiles, column_tiles>& sums,
                                              const Tile<bf16, depth>& a, int a_row,
                                              const Tile<bf16, depth>& b) {
  const int lane = lane_index();
  const int a_index = a.index(a_row + lane % 16, 8 * (lane / 16));
  const int b_index = b.index(lane % 8 + 8 * (lane / 16), 8 * (lane / 8 % 2));
  OBVERSE_UNROLL_BY(unrolled)
  for (int k = 0; k < depth; k += 16) {
    std::uint32_t left[row_tiles][4];
    OBVERSE_UNROLL
    for (int i = 0; i < row_tiles; ++i) {
      load_matrix<4, false>(left[i], a.elements, a.below(a.right_of(a_index, k), 16 * i));
    }
    OBVERSE_UNROLL
    for (int j = 0; j < column_tiles; j += 2) {
      std::uint32_t both[4];
      load_matrix<4, false>(both, b.elements, b.below(b.right_of(b_index, k), 8 * j));
      const std::uint32_t right[2][2] = {{both[0], both[1]}, {both[2], both[3]}};
      OBVERSE_UNROLL
      for (int i = 0; i < row_tiles; ++i) {
        multiply_accumulate(sums.at[i][j], left[i], right[0]);
        multiply_accumulate(sums.at[i][j + 1], left[i], right[1]);
      }
    }
  }
}

// sums += left b for sixteen rows of b. `b_index` is where the lane's first row of matrices starts.
template <int row_tiles, int column_tiles, int columns>
__device__ __forceinline__ void multiply_step(Sums<row_tiles, column_tiles>& sums,
                                              const std::uint32_t (&left)[row_tiles][4],
                                              const Tile<bf16, columns>& b, int b_index) {
  OBVERSE_UNROLL
  for (int j = 0; j < column_tiles; j += 2) {
    std::uint32_t both[4];
    load_matrix<4, true>(both, b.elements, b.right_of(b_index, 8 * j));
    const std::uint32_t right[2][2] = {{both[0], both[1]}, {both[2], both[3]}};
    OBVERSE_UNROLL
    for (int i = 0; i < row_tiles; ++i) {
      multiply_accumulate(sums.at[i][j], left[i], right[0]);
      multiply_accumulate(sums.at[i][j + 1], left[i], right[1]);
    }
  }
}

// sums += p b: p in registers, its columns along b's rows. Two tiles of sums side by side are, pair
// by pair, the fragment that mma wants on its left.
template <int row_tiles, int depth_tiles, int column_tiles>
__device__ __forceinline__ void multiply_registers(Sums<row_tiles, column_tiles>& sums,
                                                   const Sums<row_tiles, depth_tiles>& p,
                                                   const Tile<bf16, 8 * column_tiles>& b) {
  const int b_index = b.index(lane_index() % 16, 8 * (lane_index() / 16));
  OBVERSE_UNROLL
  for (int k = 0; k < depth_tiles; k += 2) {
    std::uint32_t left[row_tiles][4];
    OBVERSE_UNROLL
    for (int i = 0; i < row_tiles; ++i) {
      OBVERSE_UNROLL
      for (int part = 0; part < 4; ++part) {
        const float(&tile)[4] = p.at[i][k + part / 2];
        left[i][part] = pack(tile[2 * (part % 2)], tile[2 * (part % 2) + 1]);
      }
    }
    multiply_step(sums, left, b, b.below(b_index, 8 * k));
  }
}

// sums += a^T b for sixteen columns of a from `a_column` on and columns of b from `b_column` on;
// along the `depth` rows of both.
template <int depth, int column_tiles, int a_columns, int b_columns>
__device__ __forceinline__ void multiply_columns(Sums<1, column_tiles>& sums,
                                                 const Tile<bf16, a_columns>& a, int a_column,
                                                 const Tile<bf16, b_columns>& b, int b_column) {
  const int lane = lane_index();
  const int a_index = a.index(lane % 8 + 8 * (lane / 16), a_column + 8 * (lane / 8 % 2));
  const int b_index = b.index(lane % 16, b_column + 8 * (lane / 16));
  OBVERSE_UNROLL
  for (int k = 0; k < depth; k += 16) {
    std::uint32_t left[1][4];
    load_matrix<4, true>(left[0], a.elements, a.below(a_index, k));
    multiply_step(sums, left, b, b.below(b_index, k));
  }
}

// ---- Products of one warp, float ----

template <int unrolled = 1, int row_tiles, int column_tiles, int depth>
__device__ __forceinline__ void multiply_rows(Sums<row_tiles, column_tiles>& sums,
                                              const Tile<float, depth>& a, int a_row,
                                              const Tile<float, depth>& b) {
  OBVERSE_NO_UNROLL
  for (int k = 0; k < depth; k += 4) {
    Vector16<float> left[row_tiles][2];
    const int a_index = a.index(a_row + lane_row(), k);
    OBVERSE_UNROLL
    for (int i = 0; i < 2 * row_tiles; ++i) {
      left[i / 2][i % 2] = a.elements.load_16(a.below(a_index, 8 * i));
    }
    OBVERSE_UNROLL
    for (int column = 0; column < 2; ++column) {
      const int b_index = b.index(lane_column() + column, k);
      OBVERSE_UNROLL
      for (int j = 0; j < column_tiles; ++j) {
        const Vector16<float> right = b.elements.load_16(b.below(b_index, 8 * j));
        OBVERSE_UNROLL
        for (int i = 0; i < 2 * row_tiles; ++i) {
          float& sum = sums.at[i / 2][j][2 * (i % 2) + column];
          OBVERSE_UNROLL
          for (int e = 0; e < 4; ++e) sum += left[i / 2][i % 2][e] * right[e];
        }
      }
    }
  }
}

template <int row_tiles, int depth_tiles, int column_tiles>
__device__ __forceinline__ void multiply_registers(Sums<row_tiles, column_tiles>& sums,
                                                   const Sums<row_tiles, depth_tiles>& p,
                                                   const Tile<float, 8 * column_tiles>& b) {
  OBVERSE_UNROLL
  for (int k = 0; k < depth_tiles; ++k) {
    OBVERSE_NO_UNROLL
    for (int t = 0; t < 4; ++t) {  // whose columns of p: each lane has need of its neighbours'
      const int source = lane_index() / 4 * 4 + t;
      OBVERSE_UNROLL
      for (int column = 0; column < 2; ++column) {
        float left[row_tiles][2];
        const int b_index = b.index(8 * k + 2 * t + column, lane_column());
        OBVERSE_UNROLL
        for (int i = 0; i < 2 * row_tiles; ++i) {
          left[i / 2][i % 2] = shuffle(kFullMask, p.at[i / 2][k][2 * (i % 2) + column], source);
        }
        OBVERSE_UNROLL
        for (int j = 0; j < column_tiles; ++j) {
          const Pair<float> right = b.elements.load_pair(b.right_of(b_index, 8 * j));
          OBVERSE_UNROLL
          for (int i = 0; i < 2 * row_tiles; ++i) {
            sums.at[i / 2][j][2 * (i % 2)] += left[i / 2][i % 2] * right.first;
            sums.at[i / 2][j][2 * (i % 2) + 1] += left[i / 2][i % 2] * right.second;
          }
        }
      }
    }
  }
}

// ---- One sequence and head ----

// The softmax's exponentials: e^x is Exponential<T>::of(x * Exponential<T>::kLogE). Powers of 2 are
// one instruction, whose 2 ulp are far below what rounding to bf16 costs; of float they would be
// felt, and so would the change of base, which makes exponents larger.
template <typename T>
struct Exponential {
  static constexpr float kLogE = 1.44269504f;  // to base 2
  __device__ __forceinline__ static float of(float x) { return exp2_approximate(x); }
};
template <>
struct Exponential<float> {
  static constexpr float kLogE = 1.0f;
  __device__ __forceinline__ static float of(float x) { return expf(x); }
};

// Kernels exist for sequences of one document, which pay nothing for there being others, and of
// several.
template <bool documents, typename Arguments>
__device__ __forceinline__ AttentionVisibility<int> visibility_of(const Arguments& x, int batch) {
  const int sequence = static_cast<int>(x.shape.sequence);
  AttentionVisibility<int> result{x.shape.mask, sequence, 0, {}};
  if (!x.lengths.empty()) {
    const int length = x.lengths[batch];
    result.length = length < 0 ? 0 : length < sequence ? length : sequence;
  }
  if constexpr (!documents) {
    if (!x.prefixes.empty()) result.prefix = x.prefixes[batch];
  } else {
    result.mask = AttentionMask::causal;  // known to the compiler, which leaves out the others
    result.first_keys = x.first_keys.subspan(std::int64_t{batch} * sequence, sequence);
  }
  return result;
}

// ALiBi's, in units of query . key.
template <typename Arguments>
__device__ __forceinline__ float slope_of(const Arguments& x, int head) {
  return x.slopes.empty() ? 0.0f : x.slopes[head] / static_cast<float>(x.shape.scale);
}

// -inf for the keys of documents before a query's own. First keys are read from global memory,
// which only blocks at a document's start do: registers for them would be held through all others.
template <bool keys_are_rows, int row_tiles, int column_tiles>
__device__ __forceinline__ void mask_documents(Sums<row_tiles, column_tiles>& scores,
                                               const AttentionVisibility<int>& visibility,
                                               int first_query, int first_key) {
  const int last = visibility.length - 1;
  const auto first_key_of = [&](int query) {
    return visibility.first_key(query < last ? query : last);
  };
  constexpr int kRows = 2 * row_tiles, kColumns = 2 * column_tiles;
  constexpr int kQueries = keys_are_rows ? kColumns : kRows;
  constexpr int kKeys = keys_are_rows ? kRows : kColumns;
  const auto row = [](int i) { return 8 * i + lane_row(); };
  const auto column = [](int j) { return 8 * (j / 2) + j % 2 + lane_column(); };
  OBVERSE_UNROLL
  for (int i = 0; i < kQueries; ++i) {
    const int first = first_key_of(first_query + (keys_are_rows ? column(i) : row(i))) - first_key;
    OBVERSE_UNROLL
    for (int j = 0; j < kKeys; ++j) {
      const int of_row = keys_are_rows ? j : i, of_column = keys_are_rows ? i : j;
      float& score = scores.at[of_row / 2][of_column / 2][2 * (of_row % 2) + of_column % 2];
      if ((keys_are_rows ? row(j) : column(j)) < first) score = -INFINITY;
    }
  }
}

// The scores of queries from `first_query` on (rows) and keys from `first_key` on (columns) get
// their ALiBi term, and -inf where the key is not visible. Rows at or past the sequence's end see
// what the last one does: nothing is read from them, but they must not become NaN.
template <bool keys_are_rows, int row_tiles, int column_tiles>
__device__ __forceinline__ void bias_and_mask(Sums<row_tiles, column_tiles>& scores,
                                              const AttentionVisibility<int>& visibility,
                                              float slope, int first_query, int first_key) {
  OBVERSE_UNROLL
  for (int i = 0; i < row_tiles; ++i) {
    OBVERSE_UNROLL
    for (int j = 0; j < column_tiles; ++j) {
      OBVERSE_UNROLL
      for (int e = 0; e < 4; ++e) {
        const int row = 16 * i + 8 * (e / 2) + lane_row();
        const int column = 8 * j + e % 2 + lane_column();
        const int query = first_query + (keys_are_rows ? column : row);
        const int key = first_key + (keys_are_rows ? row : column);
        const int last = visibility.length - 1;
        float& score = scores.at[i][j][e];
        score -= slope * static_cast<float>(query > key ? query - key : key - query);
        if (key >= visibility.keys(query < last ? query : last)) score = -INFINITY;
      }
    }
  }
  if (!visibility.first_keys.empty()) {
    mask_documents<keys_are_rows>(scores, visibility, first_query, first_key);
  }
}

}  // namespace obverse::kernels::cuda::attention
