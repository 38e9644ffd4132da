// What kernels share whose element i of every output depends on element i of their inputs alone.
// They are bound by memory: a thread asks for all that it will read, sixteen bytes of an array at a
// time, before it uses any of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/core/division.h"
#include "kernels/core/floats.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"
#include "kernels/core/span.h"

namespace obverse::kernels::cuda {

// Neighbours of an array in registers: one element, or as many as eight or sixteen bytes hold.
template <typename T, int count>
using Group = VectorOf<std::remove_const_t<T>, count* static_cast<int>(sizeof(T))>;

// What is read is evicted first: the next kernel wants what this one writes, and a second-level
// cache can hold a layer's activations.
template <int count, typename T>
__device__ __forceinline__ Group<T, count> load_group(Span<T> source, std::int64_t index) {
  if constexpr (count == 1) {
    return {{source[index]}};
  } else if constexpr (sizeof(Group<T, count>) == 16) {
    return load_16<CacheHint::streaming>(source, index);
  } else {
    return load_8<CacheHint::streaming>(source, index);
  }
}

// Rounded to T: one element, or as many as eight or sixteen bytes hold.
template <int count, typename T>
__device__ __forceinline__ void store_rounded(Span<T> destination, std::int64_t index,
                                              const float (&values)[count]) {
  if constexpr (count * sizeof(T) == 8) {
    Vector8<T> group;
    OBVERSE_UNROLL
    for (int i = 0; i < count; i += 2) {
      const std::uint32_t word = pack(values[i], values[i + 1]);
      group[i] = unpack_first(word);
      group[i + 1] = unpack_second(word);
    }
    store_8(destination, index, group);
  } else {
    store_floats(destination, index, values);
  }
}

// As many elements as sixteen bytes hold of the widest of the types.
template <typename... Types>
inline constexpr int kWidestGroup = 16 / static_cast<int>(std::max({sizeof(Types)...}));

// A Body is a plain struct that the launch copies, with
//   kGroup                   elements that are moved at once where all arrays are aligned,
//   kGroups                  groups that a thread has under way,
//   load<count>(index)       what is read of `count` elements (1 or kGroup) from `index`,
//   store(index, loaded)     computes from that and writes, and
//   bool begin()             optional: reads what all elements share; false where nothing is to do.
inline constexpr int kPointwiseThreads = 256;

template <typename Body>
inline constexpr int kPointwiseTile = kPointwiseThreads* Body::kGroup* Body::kGroups;

// A tile whose elements are all there, of arrays that are aligned.
template <typename Body>
__device__ __forceinline__ void whole_tile(const Body& body, std::int64_t begin) {
  constexpr int kGroup = Body::kGroup, kGroups = Body::kGroups;
  using Loaded = decltype(body.template load<kGroup>(begin));
  const std::int64_t first = begin + thread_index().x * kGroup;
  Loaded loaded[kGroups];
  OBVERSE_UNROLL
  for (int i = 0; i < kGroups; ++i) {
    loaded[i] = body.template load<kGroup>(first + i * kPointwiseThreads * kGroup);
  }
  OBVERSE_UNROLL
  for (int i = 0; i < kGroups; ++i) {
    body.store(first + i * kPointwiseThreads * kGroup, loaded[i]);
  }
}

// Any other: neighbouring threads take neighbouring groups of `count`, then what is left over.
template <int count, typename Body>
__device__ __forceinline__ void part_of_tile(const Body& body, std::int64_t begin,
                                             std::int64_t end) {
  const std::int64_t groups_end = end - (end - begin) % count;
  OBVERSE_NO_UNROLL
  for (std::int64_t at = begin + thread_index().x * count; at < groups_end;
       at += kPointwiseThreads * count) {
    body.store(at, body.template load<count>(at));
  }
  const std::int64_t at = groups_end + thread_index().x;
  if (count > 1 && at < end) body.store(at, body.template load<1>(at));
}

template <typename Body>
__global__ void __launch_bounds__(kPointwiseThreads)
    pointwise_kernel(Body arguments, std::int64_t count, bool aligned) {
  constexpr int kTile = kPointwiseTile<Body>;
  Body body = arguments;
  if constexpr (requires { body.begin(); }) {
    if (!body.begin()) return;
  }
  const std::int64_t step = std::int64_t{grid_size().x} * kTile;
  for (std::int64_t begin = std::int64_t{block_index().x} * kTile; begin < count; begin += step) {
    const std::int64_t end = begin + kTile < count ? begin + kTile : count;
    if (!aligned) {
      part_of_tile<1>(body, begin, end);
    } else if (end - begin == kTile) {
      whole_tile(body, begin);
    } else {
      part_of_tile<Body::kGroup>(body, begin, end);
    }
  }
}

template <typename... Types>
bool all_aligned_16(Span<Types>... spans) {
  return (is_aligned_16(spans, 0) && ...);
}

// Runs `body` on `count` elements. A block takes one tile, so that the hardware balances the load;
// where there are to be no more than `most_blocks`, several.
template <typename Body>
void launch_pointwise(Stream& stream, const char* kernel, std::int64_t count, bool aligned,
                      const Body& body,
                      std::int64_t most_blocks = std::numeric_limits<std::int32_t>::max()) {
  const std::int64_t blocks = std::min(quotient_up(count, kPointwiseTile<Body>), most_blocks);
  launch(stream,
         {.kernel = kernel, .grid = {static_cast<unsigned>(blocks)}, .block = {kPointwiseThreads}},
         &pointwise_kernel<Body>, body, count, aligned);
}

}  // namespace obverse::kernels::cuda
