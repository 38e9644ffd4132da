#include <algorithm>
#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/core/partition.h"
#include "kernels/elementwise/elementwise.h"

namespace obverse::kernels::cpu {

template <typename T>
void add(const Add<T>& arguments) {
  const std::int64_t count = arguments.out.size();
  require_size("add", "a", count, arguments.a.size());
  require_size_or_empty("add", "b", count, arguments.b.size());
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

template void add(const Add<float>&);
template void add(const Add<double>&);
template void fill(const Fill<float>&);
template void fill(const Fill<double>&);

}  // namespace obverse::kernels::cpu
