// Views of a block's shared memory, and the vectors that are moved at once. Elements are read and
// written by name, so that the emulator sees each access: it checks bounds, races, and reads of
// what was never written.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/core/qualifiers.h"

// The emulated twins' last parameter, where the call stands, and its hand-over; nothing on a GPU.
#ifdef __CUDACC__
#define OBVERSE_SITE
#define OBVERSE_AND_SITE
#define OBVERSE_PASS_SITE
#else
#include "kernels/core/emulation.h"
#define OBVERSE_SITE                                          \
  [[maybe_unused]] ::obverse::kernels::emulation::Site site = \
      ::obverse::kernels::emulation::Site::here()
#define OBVERSE_AND_SITE , OBVERSE_SITE
#define OBVERSE_PASS_SITE , site
#endif

namespace obverse::kernels::cuda {

// So many bytes in registers, moved by one instruction: bytes / sizeof(T) elements of T.
template <typename T, int bytes>
struct alignas(bytes) VectorOf {
  static constexpr int kCount = bytes / static_cast<int>(sizeof(T));
  T elements[kCount];
  OBVERSE_HOST_DEVICE constexpr T& operator[](int index) { return elements[index]; }
  OBVERSE_HOST_DEVICE constexpr const T& operator[](int index) const { return elements[index]; }
};
// The widest access, and half of it: as many bf16 as the widest has floats.
template <typename T>
using Vector16 = VectorOf<T, 16>;
template <typename T>
using Vector8 = VectorOf<T, 8>;

// Two neighbours, which is what a lane holds of a row of an mma's sum.
template <typename T>
struct alignas(2 * sizeof(T)) Pair {
  T first, second;
};

template <typename T>
class SharedSpan {
 public:
  using Element = std::remove_const_t<T>;
  OBVERSE_HOST_DEVICE constexpr SharedSpan(T* data, int size) : data_(data), size_(size) {}
  OBVERSE_HOST_DEVICE constexpr int size() const { return size_; }
  OBVERSE_HOST_DEVICE constexpr T* data() const { return data_; }

  // One element, two, or sixteen bytes of them, from element `index`. REQUIRES: the address is a
  // multiple of what is moved.
  __device__ __forceinline__ Element load(int index OBVERSE_AND_SITE) const {
    return read<Element>(index OBVERSE_PASS_SITE);
  }
  __device__ __forceinline__ Pair<Element> load_pair(int index OBVERSE_AND_SITE) const {
    return read<Pair<Element>>(index OBVERSE_PASS_SITE);
  }
  __device__ __forceinline__ Vector16<Element> load_16(int index OBVERSE_AND_SITE) const {
    return read<Vector16<Element>>(index OBVERSE_PASS_SITE);
  }
  __device__ __forceinline__ void store(int index, Element value OBVERSE_AND_SITE) const {
    write(index, value OBVERSE_PASS_SITE);
  }
  __device__ __forceinline__ void store_pair(int index,
                                             const Pair<Element>& value OBVERSE_AND_SITE) const {
    write(index, value OBVERSE_PASS_SITE);
  }
  __device__ __forceinline__ void store_16(int index,
                                           const Vector16<Element>& value OBVERSE_AND_SITE) const {
    write(index, value OBVERSE_PASS_SITE);
  }

  __device__ __forceinline__ SharedSpan subspan(int offset, int count OBVERSE_AND_SITE) const {
#ifndef __CUDACC__
    if (offset < 0 || count < 0 || offset + count > size_) {
      emulation::fail("a part of a shared span reaches past its end", site);
    }
#endif
    return {data_ + offset, count};
  }

  // That `bytes` may be moved at once from or to element `index`; on a GPU nobody asks.
  template <int bytes>
  __device__ __forceinline__ void check([[maybe_unused]] int index OBVERSE_AND_SITE) const {
#ifndef __CUDACC__
    if (index < 0 || index + bytes / static_cast<int>(sizeof(T)) > size_) {
      emulation::fail("an access past the end of a shared span", site);
    }
    if (reinterpret_cast<std::uintptr_t>(data_ + index) % bytes != 0) {
      emulation::fail(
          bytes == 16 ? "a 16-byte access to shared memory at an address that 16 does not divide"
                      : "a pair in shared memory at an address that its size does not divide",
          site);
    }
#endif
  }

 private:
  template <typename Value>
  __device__ __forceinline__ Value read(int index OBVERSE_AND_SITE) const {
    check<sizeof(Value)>(index OBVERSE_PASS_SITE);
#ifndef __CUDACC__
    emulation::shared_read(data_ + index, sizeof(Value), site);
#endif
    return *reinterpret_cast<const Value*>(data_ + index);
  }
  template <typename Value>
  __device__ __forceinline__ void write(int index, const Value& value OBVERSE_AND_SITE) const {
    check<sizeof(Value)>(index OBVERSE_PASS_SITE);
#ifndef __CUDACC__
    emulation::shared_write(data_ + index, sizeof(Value), site);
#endif
    *reinterpret_cast<Value*>(data_ + index) = value;
  }

  T* data_;
  int size_;
};

// Room for `count` elements inside of a block's shared-memory struct.
template <typename T, int count>
class SharedArray {
 public:
  static constexpr int kCount = count;
  OBVERSE_HOST_DEVICE SharedSpan<T> span() { return {elements_, count}; }

 private:
  alignas(128) T elements_[count];
};

}  // namespace obverse::kernels::cuda
