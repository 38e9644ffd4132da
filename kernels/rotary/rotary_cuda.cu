// Rotary is bound by memory if sines and cosines are not computed anew for each head. A block owns
// a few positions and pairs, and serves all heads of several sequences with one small table: its
// first warp fills that in double while the others already copy what is not rotated. Then every
// thread keeps one position's sines and cosines in registers and goes from head to head.
#include <algorithm>
#include <cstdint>

#include "kernels/core/pointwise.cuh"
#include "kernels/rotary/rotary.h"
#include "kernels/rotary/rotary_angle.h"

namespace obverse::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kPositions = 8;  // of a block
constexpr int kPairs = kWarpSize;
static_assert(kRotaryPositions % kPositions == 0);
static_assert(kPositions * kPairs <= kThreads);
// How many heads, or groups of what is copied, a thread has under way.
constexpr int kHeads = 2, kCopies = 4;
// A grid's most blocks in its second and third dimension.
constexpr std::int64_t kMostBlocksAcross = 65535;

struct Shared {
  SharedArray<float, kPositions * kPairs> cosine, sine;
};

// One block's part.
struct Part {
  std::int64_t first_position, first_pair, first_sequence;  // positions within the sequence
  std::int64_t sequences;
  int positions, pairs;
};

// By one warp, a lane a pair; from where the CPU begins, so that the values are the same.
template <typename T>
__device__ __forceinline__ void tabulate(const Rotary<T>& x, const Part& part, Shared& shared) {
  const int pair = lane_index();
  if (pair >= part.pairs) return;
  std::int64_t first = part.first_position;
  if (!x.first_positions.empty()) {
    const std::int64_t of_sequence = x.first_positions[part.first_sequence];
    first += of_sequence > 0 ? of_sequence : 0;
  }
  const auto cosine = shared.cosine.span(), sine = shared.sine.span();
  for_each_angle(x, part.first_pair + pair, first, part.positions,
                 [&](std::int64_t index, const RotaryAngle& angle) {
                   const int at = static_cast<int>(index) * kPairs + pair;
                   cosine.store(at, static_cast<float>(angle.cosine));
                   sine.store(at, static_cast<float>(angle.sine));
                 });
}

// Item `number` of the part's tokens, each of `items`: which token, and which of its items.
struct Place {
  std::int64_t token, item;
};
template <typename T>
__device__ __forceinline__ Place place_in_part(const Rotary<T>& x, const Part& part,
                                               std::int64_t number, std::int64_t items) {
  const std::int64_t line = number / items;
  const std::int64_t sequence = part.first_sequence + line / part.positions;
  return {sequence * x.sequence + part.first_position + line % part.positions,
          number - line * items};
}

template <int copies, int count, typename T>
__device__ __forceinline__ void copy_groups(const Rotary<T>& x, const Part& part,
                                            std::int64_t number, std::int64_t step) {
  const std::int64_t row = x.heads * x.head_size, groups = (x.stride - row) / count;
  std::int64_t at[copies];
  Group<T, count> values[copies];
  OBVERSE_UNROLL
  for (int i = 0; i < copies; ++i) {
    const Place place = place_in_part(x, part, number + i * step, groups);
    at[i] = place.token * x.stride + row + place.item * count;
    values[i] = load_group<count>(x.input, at[i]);
  }
  OBVERSE_UNROLL
  for (int i = 0; i < copies; ++i) {
    if constexpr (count == 1) {
      x.out[at[i]] = values[i][0];
    } else {
      store_16(x.out, at[i], values[i]);
    }
  }
}

// What stands behind the heads; blocks of other pairs of the same tokens share in it.
template <int count, typename T>
__device__ __forceinline__ void copy_rest(const Rotary<T>& x, const Part& part) {
  const std::int64_t groups = (x.stride - x.heads * x.head_size) / count;
  const std::int64_t end = part.sequences * part.positions * groups;
  const std::int64_t step = std::int64_t{grid_size().y} * kThreads;
  std::int64_t number = std::int64_t{block_index().y} * kThreads + thread_index().x;
  OBVERSE_NO_UNROLL
  for (; number + (kCopies - 1) * step < end; number += kCopies * step) {
    copy_groups<kCopies, count>(x, part, number, step);
  }
  OBVERSE_NO_UNROLL
  for (; number < end; number += step) copy_groups<1, count>(x, part, number, step);
}

// What a thread keeps: `count` pairs of one position.
template <int count>
struct Turns {
  std::int64_t position, pair;
  float cosine[count], sine[count];
};

// Turns heads `number`, `number + step`, ... of the part's sequences.
template <int heads, int count, typename T>
__device__ __forceinline__ void rotate_heads(const Rotary<T>& x, const Part& part,
                                             const Turns<count>& turns, std::int64_t number,
                                             std::int64_t step) {
  const std::int64_t half = x.head_size / 2;
  std::int64_t at[heads];
  Group<T, count> first[heads], second[heads];
  OBVERSE_UNROLL
  for (int i = 0; i < heads; ++i) {
    const std::int64_t of = number + i * step, line = of / x.heads;
    const std::int64_t token = (part.first_sequence + line) * x.sequence + turns.position;
    at[i] = token * x.stride + (of - line * x.heads) * x.head_size + turns.pair;
    first[i] = load_group<count>(x.input, at[i]);
    second[i] = load_group<count>(x.input, at[i] + half);
  }
  OBVERSE_UNROLL
  for (int i = 0; i < heads; ++i) {
    float turned_first[count], turned_second[count];
    OBVERSE_UNROLL
    for (int pair = 0; pair < count; ++pair) {
      const auto a = static_cast<float>(first[i][pair]), b = static_cast<float>(second[i][pair]);
      // Written out: nvcc would round one product or the other, as it likes for each path.
      turned_first[pair] = std::fma(a, turns.cosine[pair], -(b * turns.sine[pair]));
      turned_second[pair] = std::fma(b, turns.cosine[pair], a * turns.sine[pair]);
    }
    store_rounded(x.out, at[i], turned_first);
    store_rounded(x.out, at[i] + half, turned_second);
  }
}

template <int count, typename T>
__device__ __forceinline__ void rotate(const Rotary<T>& x, const Part& part, Shared& shared) {
  const int groups = part.pairs / count, slots = groups * part.positions;
  const int lanes = kThreads / slots;  // heads at once
  const int slot = thread_index().x % slots, lane = thread_index().x / slots;
  const int position = slot / groups, pair = slot % groups * count;
  if (lane >= lanes) return;
  Turns<count> turns;
  turns.position = part.first_position + position;
  turns.pair = part.first_pair + pair;
  const auto cosine = shared.cosine.span(), sine = shared.sine.span();
  OBVERSE_UNROLL
  for (int i = 0; i < count; ++i) {
    turns.cosine[i] = cosine.load(position * kPairs + pair + i);
    turns.sine[i] = sine.load(position * kPairs + pair + i);
  }
  const std::int64_t end = part.sequences * x.heads;
  std::int64_t number = lane;
  OBVERSE_NO_UNROLL
  for (; number + (kHeads - 1) * lanes < end; number += kHeads * lanes) {
    rotate_heads<kHeads>(x, part, turns, number, lanes);
  }
  OBVERSE_NO_UNROLL
  for (; number < end; number += lanes) rotate_heads<1>(x, part, turns, number, lanes);
}

// `count` elements are moved at once. Block (i, j, k) has positions 8 i and on, pairs 32 j and on,
// and the k-th `sequences` sequences.
template <int count, typename T>
__global__ void __launch_bounds__(kThreads, 4)
    rotary_kernel(Rotary<T> x, std::int64_t sequences, bool copies) {
  const auto least = [](std::int64_t a, std::int64_t b) { return a < b ? a : b; };
  Shared& shared = shared_memory<Shared>();
  Part part;
  part.first_position = std::int64_t{block_index().x} * kPositions;
  part.first_pair = std::int64_t{block_index().y} * kPairs;
  part.first_sequence = block_index().z * sequences;
  part.sequences = least(sequences, x.batch - part.first_sequence);
  part.positions = static_cast<int>(least(kPositions, x.sequence - part.first_position));
  part.pairs = static_cast<int>(least(kPairs, x.head_size / 2 - part.first_pair));
  if (warp_index() == 0) tabulate(x, part, shared);
  if (copies) copy_rest<count>(x, part);
  block_barrier();
  rotate<count>(x, part, shared);
}

}  // namespace

template <typename T>
void rotary(const Rotary<T>& x, Stream& stream) {
  // Blocks wanted: two for each that a multiprocessor holds, so that they end at about one time.
  constexpr std::int64_t kBlocksEach = 8;
  constexpr int kGroup = kWidestGroup<T>;
  rotary_check(x);
  if (x.out.empty()) return;
  const std::int64_t half = x.head_size / 2;
  const std::int64_t tiles = quotient_up(x.sequence, kPositions);
  const std::int64_t chunks = quotient_up(half, kPairs);
  const std::int64_t parts = quotient_up(stream.multiprocessors() * kBlocksEach, tiles * chunks);
  // A block's sequences share one table.
  const bool apart = !x.first_positions.empty();
  require(!apart || x.batch <= kMostBlocksAcross, "[rotary] expected a batch of at most ",
          kMostBlocksAcross, " with first_positions, got ", x.batch);
  const std::int64_t sequences = apart ? 1 : quotient_up(x.batch, std::min(parts, x.batch));
  const bool whole = half % kGroup == 0 && x.stride % kGroup == 0 && all_aligned_16(x.input, x.out);
  launch(stream,
         {.kernel = "rotary",
          .grid = {static_cast<unsigned>(tiles), static_cast<unsigned>(chunks),
                   static_cast<unsigned>(quotient_up(x.batch, sequences))},
          .block = {kThreads},
          .shared_bytes = sizeof(Shared)},
         whole ? &rotary_kernel<kGroup, T> : &rotary_kernel<1, T>, x, sequences,
         x.input.data() != x.out.data());
}

template void rotary(const Rotary<float>&, Stream&);
template void rotary(const Rotary<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda
