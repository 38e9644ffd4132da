#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/core/partition.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/elementwise_check.h"

namespace obverse::kernels::cpu {

template <typename T>
void add(const Add<T>& arguments) {
  elementwise_check(arguments);
  const std::int64_t count = arguments.out.size();
  const T scale_a = static_cast<T>(arguments.scale_a), scale_b = static_cast<T>(arguments.scale_b);
  const bool both = !arguments.b.empty();
  const T* a = arguments.a.data();
  const T* b = arguments.b.data();
  T* out = arguments.out.data();
  // `simd` also tells the compiler that buffers are either the same or apart, as the contract says.
  parallel_elements(count, [=](std::int64_t begin, std::int64_t end) {
    if (!both) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) out[i] = scale_a * a[i];
    } else {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) out[i] = scale_a * a[i] + scale_b * b[i];
    }
  });
}

template <typename T>
void fill(const Fill<T>& arguments) {
  const T value = static_cast<T>(arguments.value);
  parallel_elements(arguments.out.size(), [&](std::int64_t begin, std::int64_t end) {
    std::fill_n(arguments.out.data() + begin, end - begin, value);
  });
}

template <typename T>
void scale_by(const ScaleBy<T>& arguments) {
  elementwise_check(arguments);
  const Accumulator<T> factor = arguments.factor[0];
  if (factor == 1) return;
  T* values = arguments.values.data();
  parallel_elements(arguments.values.size(), [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) values[i] *= factor;
  });
}

template <typename From, typename To>
void cast(const Cast<From, To>& arguments) {
  elementwise_check(arguments);
  const From* input = arguments.input.data();
  To* out = arguments.out.data();
  parallel_elements(arguments.out.size(), [=](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      if constexpr (std::is_same_v<To, bf16>) {
        // The whole struct would not be written by vectors.
        out[i].bits = bf16::rounded(input[i]);
      } else {
        out[i] = static_cast<To>(input[i]);
      }
    }
  });
}

template void add(const Add<float>&);
template void add(const Add<double>&);
template void fill(const Fill<float>&);
template void fill(const Fill<double>&);
template void scale_by(const ScaleBy<float>&);
template void scale_by(const ScaleBy<double>&);
template void cast(const Cast<float, bf16>&);
template void cast(const Cast<bf16, float>&);

}  // namespace obverse::kernels::cpu
