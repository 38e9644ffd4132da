// Neighbours of an array as floats in registers, whatever the array's type, for kernels whose
// arithmetic is in float.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/core/bf16.h"
#include "kernels/core/ptx.cuh"
#include "kernels/core/span.h"

namespace obverse::kernels::cuda {

template <typename T>
__device__ __forceinline__ void to_floats(float* values, const Vector16<T>& vector) {
  OBVERSE_UNROLL
  for (int i = 0; i < Vector16<T>::kCount; ++i) values[i] = static_cast<float>(vector[i]);
}

template <typename T>
__device__ __forceinline__ Vector16<T> from_floats(const float* values) {
  Vector16<T> vector;
  if constexpr (std::is_same_v<T, bf16>) {
    // Two are rounded by one instruction.
    OBVERSE_UNROLL
    for (int i = 0; i < Vector16<T>::kCount; i += 2) {
      const std::uint32_t word = pack(values[i], values[i + 1]);
      vector[i] = unpack_first(word);
      vector[i + 1] = unpack_second(word);
    }
  } else {
    OBVERSE_UNROLL
    for (int i = 0; i < Vector16<T>::kCount; ++i) vector[i] = values[i];
  }
  return vector;
}

// One element, or as many sixteen-byte vectors as make `count`. REQUIRES of the latter: the address
// is a multiple of 16.
template <CacheHint hint = CacheHint::none, int count, typename Source>
__device__ __forceinline__ void load_floats(float (&values)[count], Span<Source> source,
                                            std::int64_t index) {
  using T = std::remove_const_t<Source>;
  if constexpr (count == 1) {
    values[0] = static_cast<float>(source[index]);
  } else {
    constexpr int kCount = Vector16<T>::kCount;
    static_assert(count % kCount == 0);
    OBVERSE_UNROLL
    for (int i = 0; i < count; i += kCount) {
      to_floats<T>(values + i, load_16<hint>(source, index + i));
    }
  }
}

template <CacheHint hint = CacheHint::none, int count, typename T>
__device__ __forceinline__ void store_floats(Span<T> destination, std::int64_t index,
                                             const float (&values)[count]) {
  if constexpr (count == 1) {
    destination[index] = T(values[0]);
  } else {
    constexpr int kCount = Vector16<T>::kCount;
    static_assert(count % kCount == 0);
    OBVERSE_UNROLL
    for (int i = 0; i < count; i += kCount) {
      store_16<hint>(destination, index + i, from_floats<T>(values + i));
    }
  }
}

}  // namespace obverse::kernels::cuda
