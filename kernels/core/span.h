// A pointer and a length that never owns. Plain enough to be passed by value into a CUDA kernel;
// bounds are checked in debug, sanitized and emulated builds (OBVERSE_CHECK_BOUNDS) and cost
// nothing in release.
#pragma once

#include <cstdint>
#include <type_traits>

#ifdef OBVERSE_CHECK_BOUNDS
#include <stdexcept>
#include <string>
#endif

namespace obverse::kernels {

// Checked spans are a type of their own, so that code with and without checks can be in one
// program.
#ifdef OBVERSE_CHECK_BOUNDS
inline namespace checked {
#endif

template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, std::int64_t size) : data_(data), size_(size) {}

  // A span of mutable elements may be read as a span of constant ones.
  template <typename U>
  requires(std::is_same_v<const U, T> && !std::is_const_v<U>) constexpr Span(Span<U> other)
      : data_(other.data()), size_(other.size()) {}

  constexpr T* data() const { return data_; }
  constexpr std::int64_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }

  constexpr T& operator[](std::int64_t index) const {
#if defined(OBVERSE_CHECK_BOUNDS) && defined(__CUDA_ARCH__)
    if (index < 0 || index >= size_) __trap();
#elif defined(OBVERSE_CHECK_BOUNDS)
    if (index < 0 || index >= size_) {
      throw std::out_of_range("[span] expected an index below " + std::to_string(size_) + ", got " +
                              std::to_string(index));
    }
#endif
    return data_[index];
  }

  // REQUIRES: 0 <= offset, 0 <= count, offset + count <= size().
  constexpr Span subspan(std::int64_t offset, std::int64_t count) const {
#if defined(OBVERSE_CHECK_BOUNDS) && defined(__CUDA_ARCH__)
    if (offset < 0 || count < 0 || offset + count > size_) __trap();
#elif defined(OBVERSE_CHECK_BOUNDS)
    if (offset < 0 || count < 0 || offset + count > size_) {
      throw std::out_of_range("[span] expected a part of " + std::to_string(size_) +
                              " elements, got " + std::to_string(count) + " from " +
                              std::to_string(offset));
    }
#endif
    return Span(data_ + offset, count);
  }

 private:
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

#ifdef OBVERSE_CHECK_BOUNDS
}  // namespace checked
#endif

}  // namespace obverse::kernels
