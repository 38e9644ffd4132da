// Vectors of the compiler's own kind, on which it emits the widest instructions that the target
// has.
#pragma once

#include <cstdint>
#include <cstring>

namespace obverse::kernels {

namespace detail {

template <typename T, int lanes>
struct VectorType {
  typedef T type __attribute__((vector_size(sizeof(T) * lanes)));
};

}  // namespace detail

template <typename T, int lanes>
using Vector = typename detail::VectorType<T, lanes>::type;

// Unaligned, `lanes` elements.
template <typename T, int lanes>
Vector<T, lanes> load(const T* from) {
  Vector<T, lanes> value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename T, int lanes>
void store(T* to, Vector<T, lanes> value) {
  std::memcpy(to, &value, sizeof(value));
}

// Not by memcpy(): a call for a few vectors, whose number the compiler does not know, takes longer
// than their copy.
template <typename T, int lanes>
[[gnu::always_inline]] inline void copy_elements(const T* from, std::int64_t count, T* to) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store<T, lanes>(to + i, load<T, lanes>(from + i));
  for (; i < count; ++i) to[i] = from[i];
}

}  // namespace obverse::kernels
