#include <cstdint>

#include "kernels/core/pointwise.cuh"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/elementwise_check.h"

namespace obverse::kernels::cuda {
namespace {

template <typename T>
struct AddBoth {
  static constexpr int kGroup = kWidestGroup<T>, kGroups = 2;
  Span<const T> a, b;
  Span<T> out;
  float scale_a, scale_b;

  template <int count>
  struct Loaded {
    Group<T, count> a, b;
  };
  template <int count>
  __device__ __forceinline__ Loaded<count> load(std::int64_t at) const {
    return {load_group<count>(a, at), load_group<count>(b, at)};
  }
  template <int count>
  __device__ __forceinline__ void store(std::int64_t at, const Loaded<count>& x) const {
    float sums[count];
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) {
      sums[i] = scale_a * static_cast<float>(x.a[i]) + scale_b * static_cast<float>(x.b[i]);
    }
    store_rounded(out, at, sums);
  }
};

template <typename T, int bytes>
__device__ __forceinline__ void store_scaled(Span<T> out, std::int64_t at,
                                             const VectorOf<T, bytes>& x, float scale) {
  float products[VectorOf<T, bytes>::kCount];
  OBVERSE_UNROLL
  for (int i = 0; i < x.kCount; ++i) products[i] = scale * static_cast<float>(x[i]);
  store_rounded(out, at, products);
}

// Also a copy, where the scale is 1.
template <typename T>
struct AddOne {
  static constexpr int kGroup = kWidestGroup<T>, kGroups = 4;
  Span<const T> a;
  Span<T> out;
  float scale;

  template <int count>
  __device__ __forceinline__ Group<T, count> load(std::int64_t at) const {
    return load_group<count>(a, at);
  }
  template <int bytes>
  __device__ __forceinline__ void store(std::int64_t at, const VectorOf<T, bytes>& x) const {
    store_scaled(out, at, x, scale);
  }
};

template <typename T>
struct FillAll {
  static constexpr int kGroup = kWidestGroup<T>, kGroups = 4;
  Span<T> out;
  float value;

  template <int count>
  struct Nothing {};
  template <int count>
  __device__ __forceinline__ Nothing<count> load(std::int64_t /*at*/) const {
    return {};
  }
  template <int count>
  __device__ __forceinline__ void store(std::int64_t at, Nothing<count> /*x*/) const {
    float values[count];
    OBVERSE_UNROLL
    for (int i = 0; i < count; ++i) values[i] = value;
    store_rounded(out, at, values);
  }
};

template <typename T>
struct ScaleAll {
  static constexpr int kGroup = kWidestGroup<T>, kGroups = 4;
  Span<const float> factor;
  Span<T> values;
  float scale;  // what `factor` holds

  __device__ __forceinline__ bool begin() {
    scale = factor[0];
    return scale != 1.0f;
  }
  template <int count>
  __device__ __forceinline__ Group<T, count> load(std::int64_t at) const {
    return load_group<count>(values, at);
  }
  template <int bytes>
  __device__ __forceinline__ void store(std::int64_t at, const VectorOf<T, bytes>& x) const {
    store_scaled(values, at, x, scale);
  }
};

template <typename From, typename To>
struct CastAll {
  static constexpr int kGroup = kWidestGroup<From, To>, kGroups = 4;
  Span<const From> input;
  Span<To> out;

  template <int count>
  __device__ __forceinline__ Group<From, count> load(std::int64_t at) const {
    return load_group<count>(input, at);
  }
  template <int bytes>
  __device__ __forceinline__ void store(std::int64_t at, const VectorOf<From, bytes>& x) const {
    float values[VectorOf<From, bytes>::kCount];
    OBVERSE_UNROLL
    for (int i = 0; i < x.kCount; ++i) values[i] = static_cast<float>(x[i]);
    store_rounded(out, at, values);
  }
};

}  // namespace

template <typename T>
void add(const Add<T>& x, Stream& stream) {
  elementwise_check(x);
  const bool aligned = all_aligned_16(x.a, x.b, x.out);
  const auto scale_a = static_cast<float>(x.scale_a), scale_b = static_cast<float>(x.scale_b);
  if (x.b.empty()) {
    launch_pointwise(stream, "add", x.out.size(), aligned, AddOne<T>{x.a, x.out, scale_a});
  } else {
    launch_pointwise(stream, "add", x.out.size(), aligned,
                     AddBoth<T>{x.a, x.b, x.out, scale_a, scale_b});
  }
}

template <typename T>
void fill(const Fill<T>& x, Stream& stream) {
  launch_pointwise(stream, "fill", x.out.size(), all_aligned_16(x.out),
                   FillAll<T>{x.out, static_cast<float>(x.value)});
}

template <typename T>
void scale_by(const ScaleBy<T>& x, Stream& stream) {
  // Where the factor is 1, as for gradients that need no clipping, starting the blocks is all that
  // it costs: no more of them than multiprocessors hold.
  constexpr int kBlocksEach = 8;
  elementwise_check(x);
  launch_pointwise(stream, "scale_by", x.values.size(), all_aligned_16(x.values),
                   ScaleAll<T>{x.factor, x.values, 1.0f}, stream.multiprocessors() * kBlocksEach);
}

template <typename From, typename To>
void cast(const Cast<From, To>& x, Stream& stream) {
  elementwise_check(x);
  launch_pointwise(stream, "cast", x.out.size(), all_aligned_16(x.input, x.out),
                   CastAll<From, To>{x.input, x.out});
}

template void add(const Add<float>&, Stream&);
template void add(const Add<bf16>&, Stream&);
template void fill(const Fill<float>&, Stream&);
template void fill(const Fill<bf16>&, Stream&);
template void scale_by(const ScaleBy<float>&, Stream&);
template void scale_by(const ScaleBy<bf16>&, Stream&);
template void cast(const Cast<float, bf16>&, Stream&);
template void cast(const Cast<bf16, float>&, Stream&);

}  // namespace obverse::kernels::cuda
