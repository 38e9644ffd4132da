// Every instruction that CUDA C++ has no operator for, each beside its emulated twin: on a GPU one
// PTX instruction or intrinsic, under the emulator a call that checks its use. sm_80 and later.
// Names follow "Parallel Thread Execution ISA", release 8. Long, since wrapper and twin are read
// together.
#pragma once

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/core/bf16.h"
#include "kernels/core/qualifiers.h"
#include "kernels/core/shared_span.cuh"
#include "kernels/core/span.h"

namespace obverse::kernels::cuda {

inline constexpr int kWarpSize = 32;
inline constexpr std::uint32_t kFullMask = 0xFFFFFFFFu;

// ---- Where the calling thread is ----

struct Index {
  int x, y, z;
};

#ifdef __CUDACC__
__device__ __forceinline__ Index thread_index() {
  return {static_cast<int>(threadIdx.x), static_cast<int>(threadIdx.y),
          static_cast<int>(threadIdx.z)};
}
__device__ __forceinline__ Index block_index() {
  return {static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.z)};
}
__device__ __forceinline__ Index block_size() {
  return {static_cast<int>(blockDim.x), static_cast<int>(blockDim.y), static_cast<int>(blockDim.z)};
}
__device__ __forceinline__ Index grid_size() {
  return {static_cast<int>(gridDim.x), static_cast<int>(gridDim.y), static_cast<int>(gridDim.z)};
}
#else
inline Index as_index(const emulation::Index3& of) {
  return {static_cast<int>(of.x), static_cast<int>(of.y), static_cast<int>(of.z)};
}
inline Index thread_index() { return as_index(emulation::thread_index()); }
inline Index block_index() { return as_index(emulation::block_index()); }
inline Index block_size() { return as_index(emulation::block_size()); }
inline Index grid_size() { return as_index(emulation::grid_size()); }
#endif

// For blocks of one dimension.
__device__ __forceinline__ int lane_index() { return thread_index().x % kWarpSize; }
__device__ __forceinline__ int warp_index() { return thread_index().x / kWarpSize; }

// ---- Barriers ----

// All threads of the block; shared memory written before is seen by all after.
__device__ __forceinline__ void block_barrier(OBVERSE_SITE) {
#ifdef __CUDACC__
  __syncthreads();
#else
  emulation::block_barrier(site);
#endif
}

// `threads` threads of the block, a multiple of 32, that name the same barrier 1 to 15.
__device__ __forceinline__ void named_barrier(int id, int threads OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#else
  emulation::named_barrier(id, threads, site);
#endif
}

// The lanes of `mask`; orders their accesses to memory.
__device__ __forceinline__ void warp_barrier(std::uint32_t mask OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  __syncwarp(mask);
#else
  emulation::warp_barrier(mask, site);
#endif
}

// ---- Shuffles and votes ----

#ifndef __CUDACC__
namespace emulated {

// One lane's part in a shuffle of 32-bit words.
struct Shuffle {
  std::uint32_t value = 0;
  int source = 0;  // the lane to read from
  std::uint32_t result = 0;
  emulation::Site site;
};

inline void complete_shuffle(void* const (&deposits)[32]) {
  for (void* deposit : deposits) {
    if (deposit == nullptr) continue;
    auto& lane = *static_cast<Shuffle*>(deposit);
    const void* source = deposits[lane.source & 31];
    if (source == nullptr) {
      emulation::fail("a shuffle reads from a lane that its mask leaves out", lane.site);
    }
    lane.result = static_cast<const Shuffle*>(source)->value;
  }
}

template <typename T>
T shuffle(const char* operation, std::uint32_t mask, T value, int source, emulation::Site site) {
  static_assert(sizeof(T) == 4);
  Shuffle lane{std::bit_cast<std::uint32_t>(value), source, 0, site};
  emulation::warp_collective(operation, mask, &lane, &complete_shuffle, site);
  return std::bit_cast<T>(lane.result);
}

struct Vote {
  bool predicate = false;
  std::uint32_t result = 0;
};

inline void complete_vote(void* const (&deposits)[32]) {
  std::uint32_t ballot = 0;
  for (int lane = 0; lane < 32; ++lane) {
    const auto* vote = static_cast<const Vote*>(deposits[lane]);
    if (vote != nullptr && vote->predicate) ballot |= 1u << lane;
  }
  for (void* deposit : deposits) {
    if (deposit != nullptr) static_cast<Vote*>(deposit)->result = ballot;
  }
}

}  // namespace emulated
#endif

// The value of lane `source`. T has 32 bits.
template <typename T>
__device__ __forceinline__ T shuffle(std::uint32_t mask, T value, int source OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  return __shfl_sync(mask, value, source);
#else
  return emulated::shuffle("shuffle", mask, value, source, site);
#endif
}

// The value of the lane whose index differs from the caller's by the bits of `bits`.
template <typename T>
__device__ __forceinline__ T shuffle_xor(std::uint32_t mask, T value, int bits OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  return __shfl_xor_sync(mask, value, bits);
#else
  return emulated::shuffle("shuffle_xor", mask, value, lane_index() ^ bits, site);
#endif
}

// The value of the lane `offset` above; the upper lanes keep their own.
template <typename T>
__device__ __forceinline__ T shuffle_down(std::uint32_t mask, T value,
                                          int offset OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  return __shfl_down_sync(mask, value, offset);
#else
  const int source = lane_index() + offset;
  return emulated::shuffle("shuffle_down", mask, value, source < 32 ? source : lane_index(), site);
#endif
}

// A bit for each lane of `mask` whose predicate holds.
__device__ __forceinline__ std::uint32_t ballot(std::uint32_t mask,
                                                bool predicate OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  return __ballot_sync(mask, predicate);
#else
  emulated::Vote vote{predicate, 0};
  emulation::warp_collective("ballot", mask, &vote, &emulated::complete_vote, site);
  return vote.result;
#endif
}
__device__ __forceinline__ bool any(std::uint32_t mask, bool predicate OBVERSE_AND_SITE) {
  return ballot(mask, predicate OBVERSE_PASS_SITE) != 0;
}
__device__ __forceinline__ bool all(std::uint32_t mask, bool predicate OBVERSE_AND_SITE) {
  return ballot(mask, predicate OBVERSE_PASS_SITE) == mask;
}

// Over the whole warp; every lane gets the result.
__device__ __forceinline__ float warp_sum(float value OBVERSE_AND_SITE) {
  for (int bits = 16; bits > 0; bits /= 2) {
    value += shuffle_xor(kFullMask, value, bits OBVERSE_PASS_SITE);
  }
  return value;
}
// In double, whose halves are shuffled one by one.
__device__ __forceinline__ double warp_sum(double value OBVERSE_AND_SITE) {
  for (int bits = 16; bits > 0; bits /= 2) {
    const auto word = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t low =
        shuffle_xor(kFullMask, static_cast<std::uint32_t>(word), bits OBVERSE_PASS_SITE);
    const std::uint64_t high =
        shuffle_xor(kFullMask, static_cast<std::uint32_t>(word >> 32), bits OBVERSE_PASS_SITE);
    value += std::bit_cast<double>(high << 32 | low);
  }
  return value;
}
// NaN is passed over, unless all are.
__device__ __forceinline__ float warp_max(float value OBVERSE_AND_SITE) {
  for (int bits = 16; bits > 0; bits /= 2) {
    value = std::fmax(value, shuffle_xor(kFullMask, value, bits OBVERSE_PASS_SITE));
  }
  return value;
}

// ---- Tensor cores ----

// Two neighbours of a fragment in one register, the first in the lower half.
__device__ __forceinline__ std::uint32_t pack(bf16 first, bf16 second) {
  return static_cast<std::uint32_t>(first.bits) | static_cast<std::uint32_t>(second.bits) << 16;
}
__device__ __forceinline__ std::uint32_t pack(float first, float second) {
#ifdef __CUDACC__
  std::uint32_t result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(second), "f"(first));
  return result;
#else
  return pack(bf16(first), bf16(second));
#endif
}
__device__ __forceinline__ bf16 unpack_first(std::uint32_t word) {
  bf16 result;
  result.bits = static_cast<std::uint16_t>(word);
  return result;
}
__device__ __forceinline__ bf16 unpack_second(std::uint32_t word) {
  bf16 result;
  result.bits = static_cast<std::uint16_t>(word >> 16);
  return result;
}

#ifndef __CUDACC__
namespace emulated {

// One lane's part in ldmatrix: the row that its address names, and what it gets of each matrix.
struct LoadMatrix {
  const bf16* row = nullptr;
  std::uint32_t* fragment = nullptr;
};

template <int matrices, bool transposed>
void complete_load_matrix(void* const (&deposits)[32]) {
  // Lane l gets elements 2 (l % 4) and the next of row l / 4; where transposed, of column l / 4.
  // Lanes 8 i to 8 i + 7 name the rows of matrix i.
  for (int lane = 0; lane < 32; ++lane) {
    for (int matrix = 0; matrix < matrices; ++matrix) {
      bf16 pair[2];
      for (int i = 0; i < 2; ++i) {
        const int along = 2 * (lane % 4) + i, across = lane / 4;
        const int row = transposed ? along : across, column = transposed ? across : along;
        pair[i] = static_cast<const LoadMatrix*>(deposits[8 * matrix + row])->row[column];
      }
      static_cast<LoadMatrix*>(deposits[lane])->fragment[matrix] = pack(pair[0], pair[1]);
    }
  }
}

struct MultiplyAccumulate {
  float* sum = nullptr;
  const std::uint32_t* a = nullptr;
  const std::uint32_t* b = nullptr;
};

// The documented layout of m16n8k16: with group g = lane / 4 and t = lane % 4, lane holds of a, the
// pairs at (g, 2t), (g + 8, 2t), (g, 2t + 8), (g + 8, 2t + 8); of b, at (2t, g) and (2t + 8, g),
// running down; of the sum, (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
inline void complete_multiply_accumulate(void* const (&deposits)[32]) {
  float a[16][16], b[8][16];  // b by column
  for (int lane = 0; lane < 32; ++lane) {
    const auto& own = *static_cast<const MultiplyAccumulate*>(deposits[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
      const int row = g + 8 * (i % 2), column = 2 * t + 8 * (i / 2);
      a[row][column] = static_cast<float>(unpack_first(own.a[i]));
      a[row][column + 1] = static_cast<float>(unpack_second(own.a[i]));
    }
    for (int i = 0; i < 2; ++i) {
      b[g][2 * t + 8 * i] = static_cast<float>(unpack_first(own.b[i]));
      b[g][2 * t + 8 * i + 1] = static_cast<float>(unpack_second(own.b[i]));
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    auto& own = *static_cast<MultiplyAccumulate*>(deposits[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
      const float* row = a[g + 8 * (i / 2)];
      const float* column = b[2 * t + i % 2];
      float product = 0.0f;
      for (int k = 0; k < 16; ++k) product += row[k] * column[k];
      own.sum[i] += product;
    }
  }
}

}  // namespace emulated
#endif

// ldmatrix: `matrices` (2 or 4) matrices of 8 x 8 bf16 from shared memory. Lane l of the first
// 8 * matrices gives in `index` where row l % 8 of matrix l / 8 starts; the other lanes' index must
// only be valid. Lane l gets row l / 4, elements 2 (l % 4) and the next, of each matrix;
// transposed, column l / 4. REQUIRES: all 32 lanes; rows start at multiples of 16 bytes.
template <int matrices, bool transposed, typename Source>
__device__ __forceinline__ void load_matrix(std::uint32_t (&fragment)[matrices],
                                            SharedSpan<Source> source, int index OBVERSE_AND_SITE) {
  static_assert(std::is_same_v<std::remove_const_t<Source>, bf16>);
  static_assert(matrices == 2 || matrices == 4);
#ifdef __CUDACC__
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(source.data() + index));
  if constexpr (matrices == 4 && !transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
                 : "r"(address)
                 : "memory");
  } else if constexpr (matrices == 4) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
                 : "r"(address)
                 : "memory");
  } else if constexpr (matrices == 2 && !transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(fragment[0]), "=r"(fragment[1])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(fragment[0]), "=r"(fragment[1])
                 : "r"(address)
                 : "memory");
  }
#else
  source.template check<16>(index, site);
  if (lane_index() < 8 * matrices) emulation::shared_read(source.data() + index, 16, site);
  emulated::LoadMatrix lane{source.data() + index, fragment};
  emulation::warp_collective("ldmatrix", kFullMask, &lane,
                             &emulated::complete_load_matrix<matrices, transposed>, site);
#endif
}

// mma.sync.m16n8k16: sum += a * b with a [16, 16] and b [16, 8] of bf16 in fragments, sum [16, 8]
// of float. With g = lane / 4 and t = lane % 4 a lane holds, of the sum, (g, 2t), (g, 2t + 1),
// (g + 8, 2t), (g + 8, 2t + 1); of a, pairs from (g, 2t), (g + 8, 2t), (g, 2t + 8), (g + 8, 2t +
// 8); of b, pairs that run down from (2t, g) and (2t + 8, g). REQUIRES: all 32 lanes.
__device__ __forceinline__ void multiply_accumulate(float (&sum)[4], const std::uint32_t (&a)[4],
                                                    const std::uint32_t (&b)[2] OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  emulated::MultiplyAccumulate lane{sum, a, b};
  emulation::warp_collective("mma.m16n8k16", kFullMask, &lane,
                             &emulated::complete_multiply_accumulate, site);
#endif
}

// ---- Global memory ----

enum class CacheHint {
  none,
  streaming,  // evict first: read or written once
};

// Whether sixteen bytes from element `index` may be moved at once.
template <typename T>
OBVERSE_HOST_DEVICE inline bool is_aligned_16(Span<T> span, std::int64_t index) {
  return reinterpret_cast<std::uintptr_t>(span.data() + index) % 16 == 0;
}

#ifndef __CUDACC__
namespace emulated {

// What a load or store of `bytes` at once asks of its place.
template <int bytes, typename T>
void check_access(Span<T> span, std::int64_t index, const char* misaligned, emulation::Site site) {
  constexpr int kCount = bytes / static_cast<int>(sizeof(T));
  static_cast<void>(span.subspan(index, kCount));  // checks the bounds
  if (reinterpret_cast<std::uintptr_t>(span.data() + index) % bytes != 0) {
    emulation::fail(misaligned, site);
  }
}

}  // namespace emulated
#endif

// Sixteen bytes from element `index`. REQUIRES: their address is a multiple of 16.
template <CacheHint hint = CacheHint::none, typename T>
__device__ __forceinline__ Vector16<std::remove_const_t<T>> load_16(
    Span<T> source, std::int64_t index OBVERSE_AND_SITE) {
  Vector16<std::remove_const_t<T>> result;
#ifdef __CUDACC__
  std::uint32_t words[4];
  if constexpr (hint == CacheHint::streaming) {
    asm volatile("ld.global.cs.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "l"(source.data() + index));
  } else {
    asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "l"(source.data() + index));
  }
  memcpy(&result, words, sizeof(result));
#else
  emulated::check_access<16>(source, index,
                             "a 16-byte load from an address that 16 does not divide", site);
  std::memcpy(static_cast<void*>(&result), source.data() + index, sizeof(result));
#endif
  return result;
}

template <CacheHint hint = CacheHint::none, typename T>
__device__ __forceinline__ void store_16(Span<T> destination, std::int64_t index,
                                         const Vector16<T>& value OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  std::uint32_t words[4];
  memcpy(words, &value, sizeof(words));
  if constexpr (hint == CacheHint::streaming) {
    asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(destination.data() + index),
                 "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3])
                 : "memory");
  } else {
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(destination.data() + index),
                 "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3])
                 : "memory");
  }
#else
  emulated::check_access<16>(destination, index,
                             "a 16-byte store to an address that 16 does not divide", site);
  std::memcpy(static_cast<void*>(destination.data() + index), &value, sizeof(value));
#endif
}

// Eight bytes from element `index`. REQUIRES: their address is a multiple of 8.
template <CacheHint hint = CacheHint::none, typename T>
__device__ __forceinline__ Vector8<std::remove_const_t<T>> load_8(
    Span<T> source, std::int64_t index OBVERSE_AND_SITE) {
  Vector8<std::remove_const_t<T>> result;
#ifdef __CUDACC__
  std::uint32_t words[2];
  if constexpr (hint == CacheHint::streaming) {
    asm volatile("ld.global.cs.v2.u32 {%0, %1}, [%2];"
                 : "=r"(words[0]), "=r"(words[1])
                 : "l"(source.data() + index));
  } else {
    asm volatile("ld.global.v2.u32 {%0, %1}, [%2];"
                 : "=r"(words[0]), "=r"(words[1])
                 : "l"(source.data() + index));
  }
  memcpy(&result, words, sizeof(result));
#else
  emulated::check_access<8>(source, index, "an 8-byte load from an address that 8 does not divide",
                            site);
  std::memcpy(static_cast<void*>(&result), source.data() + index, sizeof(result));
#endif
  return result;
}

template <CacheHint hint = CacheHint::none, typename T>
__device__ __forceinline__ void store_8(Span<T> destination, std::int64_t index,
                                        const Vector8<T>& value OBVERSE_AND_SITE) {
#ifdef __CUDACC__
  std::uint32_t words[2];
  memcpy(words, &value, sizeof(words));
  if constexpr (hint == CacheHint::streaming) {
    asm volatile("st.global.cs.v2.u32 [%0], {%1, %2};" ::"l"(destination.data() + index),
                 "r"(words[0]), "r"(words[1])
                 : "memory");
  } else {
    asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(destination.data() + index),
                 "r"(words[0]), "r"(words[1])
                 : "memory");
  }
#else
  emulated::check_access<8>(destination, index,
                            "an 8-byte store to an address that 8 does not divide", site);
  std::memcpy(static_cast<void*>(destination.data() + index), &value, sizeof(value));
#endif
}

// Adds to global memory, whoever else does at the same time; sums of floats then depend on who
// comes first.
__device__ __forceinline__ void atomic_add(Span<float> destination, std::int64_t index,
                                           float value) {
#ifdef __CUDACC__
  atomicAdd(&destination[index], value);
#else
  std::atomic_ref<float>(destination[index]).fetch_add(value);
#endif
}
// The same for counters; returns what was there before.
__device__ __forceinline__ std::uint32_t atomic_add(Span<std::uint32_t> destination,
                                                    std::int64_t index, std::uint32_t value) {
#ifdef __CUDACC__
  return atomicAdd(&destination[index], value);
#else
  return std::atomic_ref<std::uint32_t>(destination[index]).fetch_add(value);
#endif
}

// Hides from the compiler what is known of values in registers. It then unpacks bf16 again where it
// would keep, from one pass over them to the next, the floats, which take twice the registers.
template <typename T>
__device__ __forceinline__ void forget([[maybe_unused]] Vector16<T>& values) {
#ifdef __CUDACC__
  std::uint32_t words[4];
  memcpy(words, &values, sizeof(words));
  asm("" : "+r"(words[0]), "+r"(words[1]), "+r"(words[2]), "+r"(words[3]));
  memcpy(&values, words, sizeof(words));
#endif
}

// ---- Asynchronous copies ----

// cp.async: sixteen bytes from global to shared memory. Only the first `valid` elements are read;
// zeros follow them. They have arrived once the copy's group was waited for, for the thread that
// waited; for others after a barrier that follows. REQUIRES: both addresses are multiples of 16.
template <typename T, typename Source>
__device__ __forceinline__ void copy_async_16(SharedSpan<T> destination, int destination_index,
                                              Span<Source> source, std::int64_t source_index,
                                              int valid OBVERSE_AND_SITE) {
  static_assert(std::is_same_v<T, std::remove_const_t<Source>>);
  const int valid_bytes = valid * static_cast<int>(sizeof(T));
#ifdef __CUDACC__
  const auto address =
      static_cast<std::uint32_t>(__cvta_generic_to_shared(destination.data() + destination_index));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address),
               "l"(source.data() + source_index), "r"(valid_bytes)
               : "memory");
#else
  destination.template check<16>(destination_index, site);
  if (valid_bytes < 0 || valid_bytes > 16) {
    emulation::fail("an asynchronous copy of fewer than no or more than 16 bytes", site);
  }
  if (valid > 0) static_cast<void>(source.subspan(source_index, valid));  // checks the bounds
  if (!is_aligned_16(source, source_index)) {
    emulation::fail("an asynchronous copy from an address that 16 does not divide", site);
  }
  emulation::copy_async(destination.data() + destination_index, source.data() + source_index, 16,
                        static_cast<std::size_t>(valid_bytes), site);
#endif
}

// The same for one element of four bytes, which becomes zero unless `valid`: transposes on the way.
template <typename T, typename Source>
__device__ __forceinline__ void copy_async_4(SharedSpan<T> destination, int destination_index,
                                             Span<Source> source, std::int64_t source_index,
                                             bool valid OBVERSE_AND_SITE) {
  static_assert(std::is_same_v<T, std::remove_const_t<Source>> && sizeof(T) == 4);
#ifdef __CUDACC__
  const auto address =
      static_cast<std::uint32_t>(__cvta_generic_to_shared(destination.data() + destination_index));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(address),
               "l"(source.data() + source_index), "r"(valid ? 4 : 0)
               : "memory");
#else
  destination.template check<4>(destination_index, site);
  if (valid) static_cast<void>(source.subspan(source_index, 1));  // checks the bounds
  emulation::copy_async(destination.data() + destination_index, source.data() + source_index, 4,
                        valid ? 4 : 0, site);
#endif
}

// Closes the group of the copies that this thread issued since the last one.
__device__ __forceinline__ void copy_async_commit() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulation::copy_async_commit();
#endif
}

// Waits until at most `groups_left` of this thread's newest groups are under way.
template <int groups_left>
__device__ __forceinline__ void copy_async_wait() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(groups_left) : "memory");
#else
  emulation::copy_async_wait(groups_left);
#endif
}

// ---- Arithmetic ----

// 2^x to 2 ulp; -inf gives 0.
__device__ __forceinline__ float exp2_approximate(float x) {
#ifdef __CUDACC__
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#else
  return std::exp2(x);
#endif
}

}  // namespace obverse::kernels::cuda
