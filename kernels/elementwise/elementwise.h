// Pointwise kernels: out = scale_a * a + scale_b * b, fills, copies, casts.
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

template <typename T>
struct Add {
  double scale_a = 1.0, scale_b = 1.0;
  Span<const T> a;  // [count]
  Span<const T> b;  // [count] or empty: out = scale_a * a
  Span<T> out;      // [count]; may be a or b itself
};

template <typename T>
struct Fill {
  double value = 0.0;
  Span<T> out;  // [count]
};

// values[i] *= factor[0], a number in memory. Where that is 1 nothing is read or written.
template <typename T>
struct ScaleBy {
  Span<const Accumulator<T>> factor;  // [1]
  Span<T> values;                     // [count]
};

// out[i] = input[i] in another type, to nearest even.
template <typename From, typename To>
struct Cast {
  Span<const From> input;  // [count]
  Span<To> out;            // [count]; does not alias input
};

namespace cpu {
template <typename T>
void add(const Add<T>& arguments);
template <typename T>
void fill(const Fill<T>& arguments);
template <typename T>
void scale_by(const ScaleBy<T>& arguments);
template <typename From, typename To>
void cast(const Cast<From, To>& arguments);  // <float, bf16> and <bf16, float>
}  // namespace cpu

// Asynchronous, for float and bf16; arithmetic in float.
namespace cuda {
class Stream;
template <typename T>
void add(const Add<T>& arguments, Stream& stream);
template <typename T>
void fill(const Fill<T>& arguments, Stream& stream);
template <typename T>
void scale_by(const ScaleBy<T>& arguments, Stream& stream);
template <typename From, typename To>
void cast(const Cast<From, To>& arguments, Stream& stream);  // <float, bf16> and <bf16, float>
}  // namespace cuda

}  // namespace obverse::kernels
