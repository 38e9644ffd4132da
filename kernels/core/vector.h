// Vectors of the compiler's own kind, on which it emits the widest instructions that the target
// has.
#pragma once

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

}  // namespace obverse::kernels
