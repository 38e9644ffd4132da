// Dropout: Srivastava et al. 2014. An element is kept with probability 1 - rate and then divided by
// it. The mask is never stored: backward is the same call on the gradient, with the same key.
#pragma once

#include <cstdint>

#include "kernels/core/random.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

template <typename T>
struct Dropout {
  double rate = 0.0;  // REQUIRES: 0 <= rate < 1
  RandomKey key;      // element i is dropped where uniform(key, i) < rate
  // [1] or empty: 0. Added to key.step; read from memory, so that a CUDA graph draws anew each
  // time.
  Span<const std::uint64_t> step;
  Span<const T> input;     // [count]
  Span<const T> residual;  // [count] or empty; added after dropping
  Span<T> out;             // [count]; may be input or residual itself
};

namespace cpu {
template <typename T>
void dropout(const Dropout<T>& arguments);
}  // namespace cpu

// Asynchronous, for float and bf16; drops the same elements as the CPU.
namespace cuda {
class Stream;
template <typename T>
void dropout(const Dropout<T>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
