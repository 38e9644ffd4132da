// Forward, a warp copies a token's row. Backward, tokens are put into the order of their ids, so
// that those of one id follow one another, a run. Runs are cut where a multiple of kPiece tokens is
// reached, so that a frequent id is the work of many warps: a warp adds up a piece. A run of one
// piece goes to the table at once, the pieces of others to scratch memory, where another kernel
// adds them up in order.
#include <bit>
#include <cstdint>
#include <limits>

#include "kernels/core/check.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/division.h"
#include "kernels/core/floats.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/embedding_check.h"
#include "kernels/embedding/embedding_order.cuh"

namespace obverse::kernels::cuda {

using namespace embedding;  // this file's own kernels

namespace {

constexpr int kWarps = kThreads / kWarpSize;
constexpr int kAtOnce = 4;  // rows under way for each warp

// Which warp of all the grid's this is.
__device__ __forceinline__ std::int64_t warp_of_grid() {
  return std::int64_t{block_index().x} * kWarps + warp_index();
}

// ---- Forward ----

template <typename T, int columns>
__global__ void __launch_bounds__(kThreads) forward_kernel(EmbeddingForward<T> x) {
  constexpr int kStep = kWarpSize * columns;
  const std::int64_t token = warp_of_grid();
  if (token >= x.ids.size()) return;
  const std::int64_t id = x.ids[token], row = id * x.width, out = token * x.width;
  const bool positions = !x.position_table.empty();
  bool valid = id >= 0 && id < x.vocabulary;
  std::int64_t position = positions ? token % x.sequence * x.width : 0;
  if (positions && !x.first_positions.empty()) {
    position += x.first_positions[token / x.sequence] * x.width;
    valid = valid && position >= 0 && position < x.position_table.size();
    if (!valid) position = 0;
  }
  for (std::int64_t first = lane_index() * columns; first < x.width; first += kAtOnce * kStep) {
    float values[kAtOnce][columns], added[kAtOnce][columns] = {};
    OBVERSE_UNROLL
    for (int i = 0; i < kAtOnce; ++i) {
      OBVERSE_UNROLL
      for (int j = 0; j < columns; ++j) values[i][j] = std::numeric_limits<float>::quiet_NaN();
      const std::int64_t at = first + i * kStep;
      if (at >= x.width) continue;
      if (valid) load_floats(values[i], x.token_table, row + at);
      if (positions) load_floats(added[i], x.position_table, position + at);
    }
    OBVERSE_UNROLL
    for (int i = 0; i < kAtOnce; ++i) {
      const std::int64_t at = first + i * kStep;
      if (at >= x.width) continue;
      if (positions) {  // adding zeros would lose the sign of others
        OBVERSE_UNROLL
        for (int j = 0; j < columns; ++j) values[i][j] += added[i][j];
      }
      store_floats(x.out, out + at, values[i]);
    }
  }
}

// ---- Backward: sums over runs ----

constexpr int kPiece = 16;  // tokens

template <typename T>
struct Backward {
  Span<const T> output_gradient;
  Span<float> table;
  // Two rows for each multiple of kPiece: of the piece that begins there, as part of a run that
  // began before, and of a later one that the next multiple cuts.
  Span<float> parts;
  Order sorted;
  std::int64_t tokens, width, slices;  // slices: warps to a row
};

// A warp has 32 times `columns` columns of the piece that begins at one place of the order, if one
// does. It ends before the next multiple of kPiece or where the id changes.
template <typename T, int columns>
__global__ void __launch_bounds__(kThreads) pieces_kernel(Backward<T> x) {
  const std::int64_t warp = warp_of_grid(), begin = warp / x.slices;
  const std::int64_t column = (warp % x.slices * kWarpSize + lane_index()) * columns;
  if (begin >= x.tokens) return;
  const std::uint32_t key = x.sorted.keys[begin];
  if (key >= kNoRow) return;
  const bool begins_run = begin == 0 || x.sorted.keys[begin - 1] != key;
  if (!begins_run && begin % kPiece != 0) return;
  // Lane i looks at the i-th token from `begin`.
  const std::int64_t cut = round_up(begin + 1, kPiece), own = begin + lane_index();
  const bool within = own < x.tokens && own <= cut && x.sorted.keys[own] == key;
  const int length = std::popcount(ballot(kFullMask, within && own < cut));
  const bool ends_run = !any(kFullMask, within && own == cut);
  const std::int32_t tokens_of_lanes = within ? x.sorted.tokens[own] : 0;
  const bool whole = begins_run && ends_run;
  const Span<float> out = whole ? x.table : x.parts;
  const std::int64_t row = whole ? std::int64_t{key} : begin / kPiece * 2 + (begins_run ? 1 : 0);
  const bool inside = column < x.width;
  float sums[columns] = {}, before[columns] = {};
  if (whole && inside) load_floats(before, out, row * x.width + column);
  OBVERSE_NO_UNROLL
  for (int first = 0; first < length; first += kAtOnce) {
    float values[kAtOnce][columns] = {};
    OBVERSE_UNROLL
    for (int i = 0; i < kAtOnce; ++i) {
      const std::int64_t token = shuffle(kFullMask, tokens_of_lanes, (first + i) % kWarpSize);
      if (first + i < length && inside) {
        load_floats(values[i], x.output_gradient, token * x.width + column);
      }
    }
    OBVERSE_UNROLL
    for (int i = 0; i < kAtOnce * columns; ++i) {
      sums[i % columns] += values[i / columns][i % columns];
    }
  }
  if (!inside) return;
  OBVERSE_UNROLL
  for (int i = 0; i < columns; ++i) sums[i] += before[i];
  store_floats(out, row * x.width + column, sums);
}

// How many multiples of kPiece have pieces of the run that begins at `multiple` or before the next
// one, and reaches past that; 0 where there is no such run.
__device__ __forceinline__ int multiples_of_run(Span<const std::uint32_t> keys, int multiple) {
  const std::int64_t begin = std::int64_t{multiple} * kPiece, next = begin + kPiece;
  if (next >= keys.size()) return 0;
  const std::uint32_t key = keys[next];
  if (key >= kNoRow || keys[next - 1] != key) return 0;
  if (begin > 0 && keys[begin - 1] == key) return 0;  // it began before
  std::int64_t last = next,
               end = keys.size();  // the run's last token is from `last` to below `end`
  while (end - last > 1) {
    const std::int64_t middle = (last + end) / 2;
    if (keys[middle] == key) {
      last = middle;
    } else {
      end = middle;
    }
  }
  return static_cast<int>(last / kPiece) - multiple + 1;
}

// The sum of one column of `count` of a run's pieces, from that at `multiple`: the run's first
// where `begins_run`.
__device__ __forceinline__ float sum_of_pieces(Span<const float> parts, std::int64_t width,
                                               std::int64_t column, int multiple, int count,
                                               bool begins_run) {
  float sum = 0.0f;
  OBVERSE_UNROLL_BY(8)
  for (int i = 0; i < count; ++i) {
    const std::int64_t row = 2 * std::int64_t{multiple + i} + (begins_run && i == 0 ? 1 : 0);
    sum += parts[row * width + column];
  }
  return sum;
}

struct Finish {
  SharedArray<int, kWarps> counts;
  SharedArray<float, kThreads> sums;
};

// A warp adds up the run that begins at its multiple of kPiece, if one does, in 32 columns. A run
// of more than kLong pieces is the work of the whole block, of whose multiples it is the last to
// begin one.
constexpr int kLong = 4 * kWarps;

__global__ void __launch_bounds__(kThreads)
    finish_kernel(Span<const std::uint32_t> keys, Span<const float> parts, std::int64_t width,
                  Span<float> table) {
  Finish& shared = shared_memory<Finish>();
  const auto counts = shared.counts.span();
  const auto sums = shared.sums.span();
  const std::int64_t column = std::int64_t{block_index().y} * kWarpSize + lane_index();
  const bool inside = column < width;
  const int first = block_index().x * kWarps, own = first + warp_index();
  const auto add = [&](int multiple, float sum) {
    // The run goes on at the next multiple.
    const std::int64_t id = keys[std::int64_t{multiple + 1} * kPiece];
    if (inside) table[id * width + column] += sum;
  };
  const int count = multiples_of_run(keys, own);
  if (lane_index() == 0) counts.store(warp_index(), count);
  if (count > 0 && count <= kLong) {
    add(own, inside ? sum_of_pieces(parts, width, column, own, count, true) : 0.0f);
  }
  block_barrier();
  int of_long = 0, pieces = 0;
  for (int warp = 0; warp < kWarps; ++warp) {
    if (counts.load(warp) <= kLong) continue;
    of_long = first + warp;
    pieces = counts.load(warp);
  }
  if (pieces == 0) return;
  const int each = quotient_up(pieces, kWarps), begin = warp_index() * each;
  const int left = pieces - begin < each ? pieces - begin : each;
  sums.store(thread_index().x,
             inside ? sum_of_pieces(parts, width, column, of_long + begin, left, warp_index() == 0)
                    : 0.0f);
  block_barrier();
  if (warp_index() != 0) return;
  float sum = 0.0f;
  for (int warp = 0; warp < kWarps; ++warp) sum += sums.load(warp * kWarpSize + lane_index());
  add(of_long, sum);
}

// The token of `row` that is at `position`; -1 where none is.
template <typename T>
__device__ __forceinline__ std::int64_t token_at(const EmbeddingBackward<T>& x, std::int64_t row,
                                                 std::int64_t position) {
  if (row >= x.batch) return -1;
  if (!x.first_positions.empty()) position -= x.first_positions[row];
  return position >= 0 && position < x.sequence ? row * x.sequence + position : -1;
}

// A warp adds up 32 times `columns` columns of one position, of `rows` that have a gradient, over
// the batch.
template <typename T, int columns>
__global__ void __launch_bounds__(kThreads)
    positions_kernel(EmbeddingBackward<T> x, std::int64_t rows, std::int64_t slices) {
  const std::int64_t position = warp_of_grid() / slices;
  const std::int64_t column = (warp_of_grid() % slices * kWarpSize + lane_index()) * columns;
  if (position >= rows || column >= x.width) return;
  float sums[columns] = {};
  OBVERSE_NO_UNROLL
  for (std::int64_t first = 0; first < x.batch; first += kAtOnce) {
    float values[kAtOnce][columns] = {};
    OBVERSE_UNROLL
    for (int i = 0; i < kAtOnce; ++i) {
      const std::int64_t token = token_at(x, first + i, position);
      if (token >= 0) load_floats(values[i], x.output_gradient, token * x.width + column);
    }
    OBVERSE_UNROLL
    for (int i = 0; i < kAtOnce * columns; ++i) {
      sums[i % columns] += values[i / columns][i % columns];
    }
  }
  float table[columns];
  const std::int64_t at = position * x.width + column;
  load_floats(table, x.position_table_gradient, at);
  OBVERSE_UNROLL
  for (int i = 0; i < columns; ++i) table[i] += sums[i];
  store_floats(x.position_table_gradient, at, table);
}

// ---- Launches ----

template <typename T, int columns>
void add_gradients(const EmbeddingBackward<T>& x, Stream& stream) {
  const std::int64_t tokens = x.ids.size(), slices = quotient_up(x.width, kWarpSize * columns);
  const OrderArrays sorted = sorted_tokens(x.ids, x.vocabulary, stream);
  const std::int64_t multiples = quotient_up(tokens, kPiece);
  // One multiple's pieces are whole runs.
  const DeviceArray<float> parts(stream, multiples > 1 ? 2 * multiples * x.width : 0);
  launch(stream, shape_of("embedding pieces", tokens * slices * kWarpSize),
         &pieces_kernel<T, columns>,
         Backward<T>{x.output_gradient, x.token_table_gradient, parts.span(), sorted.order(),
                     tokens, x.width, slices});
  if (multiples > 1) {
    launch(stream,
           {.kernel = "embedding finish",
            .grid = {static_cast<unsigned>(quotient_up(multiples, kWarps)),
                     static_cast<unsigned>(quotient_up(x.width, kWarpSize))},
            .block = {kThreads},
            .shared_bytes = sizeof(Finish)},
           &finish_kernel, sorted.keys.span().subspan(0, tokens), parts.span(), x.width,
           x.token_table_gradient);
  }
  if (x.position_table_gradient.empty()) return;
  const std::int64_t rows =
      x.first_positions.empty() ? x.sequence : x.position_table_gradient.size() / x.width;
  launch(stream, shape_of("embedding positions", rows * slices * kWarpSize),
         &positions_kernel<T, columns>, x, rows, slices);
}

void check_tokens(std::int64_t tokens) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  require(tokens <= kMost, "[embedding] expected at most ", kMost, " tokens, got ", tokens);
}

}  // namespace

template <typename T>
void embedding_forward(const EmbeddingForward<T>& x, Stream& stream) {
  constexpr int kColumns = Vector16<T>::kCount;
  check_embedding(x);
  check_tokens(x.ids.size());
  const bool aligned = x.width % kColumns == 0 && is_aligned_16(x.token_table, 0) &&
                       is_aligned_16(x.position_table, 0) && is_aligned_16(x.out, 0);
  launch(stream, shape_of("embedding", x.ids.size() * kWarpSize),
         aligned ? &forward_kernel<T, kColumns> : &forward_kernel<T, 1>, x);
}

template <typename T>
void embedding_backward(const EmbeddingBackward<T>& x, Stream& stream) {
  constexpr int kColumns = Vector16<T>::kCount;
  check_embedding(x);
  check_tokens(x.ids.size());
  if (x.ids.empty()) return;
  const bool aligned = x.width % kColumns == 0 && is_aligned_16(x.output_gradient, 0) &&
                       is_aligned_16(x.token_table_gradient, 0) &&
                       is_aligned_16(x.position_table_gradient, 0);
  if (aligned) {
    add_gradients<T, kColumns>(x, stream);
  } else {
    add_gradients<T, 1>(x, stream);
  }
}

template void embedding_forward(const EmbeddingForward<float>&, Stream&);
template void embedding_forward(const EmbeddingForward<bf16>&, Stream&);
template void embedding_backward(const EmbeddingBackward<float>&, Stream&);
template void embedding_backward(const EmbeddingBackward<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda
