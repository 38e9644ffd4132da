#include <cstdint>

#include "kernels/core/pointwise.cuh"
#include "kernels/core/random.h"
#include "kernels/dropout/dropout.h"
#include "kernels/dropout/dropout_check.h"

namespace obverse::kernels::cuda {
namespace {

constexpr int kDraws = 4;  // elements that share a Philox block

// What is read of so many elements; a residual that is not there takes no registers.
template <bool has_residual, typename T, int count>
struct Loaded {
  Group<T, count> input;
};
template <typename T, int count>
struct Loaded<true, T, count> {
  Group<T, count> input, residual;
};

template <bool has_residual, typename T>
struct Drop {
  static constexpr int kGroup = kWidestGroup<T>, kGroups = 2;
  static_assert(kGroup % kDraws == 0);
  Span<const T> input, residual;
  Span<T> out;
  Span<const std::uint64_t> step;
  RandomKey key;
  std::uint32_t threshold;
  float scale;

  __device__ __forceinline__ bool begin() {
    if (!step.empty()) key.step += step[0];
    return true;
  }

  template <int count>
  __device__ __forceinline__ Loaded<has_residual, T, count> load(std::int64_t at) const {
    if constexpr (has_residual) {
      return {load_group<count>(input, at), load_group<count>(residual, at)};
    } else {
      return {load_group<count>(input, at)};
    }
  }

  // Selecting, not multiplying by 0 or 1: a dropped NaN or infinity is a zero.
  template <int count>
  __device__ __forceinline__ float result(const Loaded<has_residual, T, count>& x, int i,
                                          std::uint32_t word) const {
    const float scaled = static_cast<float>(x.input[i]) * scale;
    const float kept = (word >> 8) < threshold ? 0.0f : scaled;
    if constexpr (has_residual) return static_cast<float>(x.residual[i]) + kept;
    return kept;
  }

  template <int count>
  __device__ __forceinline__ void store(std::int64_t at,
                                        const Loaded<has_residual, T, count>& x) const {
    float results[count];
    PhiloxBlock words{};
    if constexpr (count == 1) {
      // A stray element draws the whole block; no register can be indexed, so that the word is
      // chosen by comparison.
      if (threshold > 0) words = random_block(key, static_cast<std::uint64_t>(at / kDraws));
      const auto place = at % kDraws;
      results[0] = result(
          x, 0,
          place < 2 ? (place == 0 ? words[0] : words[1]) : (place == 2 ? words[2] : words[3]));
    } else {
      OBVERSE_UNROLL
      for (int i = 0; i < count; ++i) {
        if (i % kDraws == 0 && threshold > 0) {
          words = random_block(key, static_cast<std::uint64_t>((at + i) / kDraws));
        }
        results[i] = result(x, i, words[static_cast<std::size_t>(i % kDraws)]);
      }
    }
    store_rounded(out, at, results);
  }
};

}  // namespace

template <typename T>
void dropout(const Dropout<T>& x, Stream& stream) {
  dropout_check(x);
  const bool aligned = all_aligned_16(x.input, x.residual, x.out);
  const auto start = [&]<bool has_residual>() {
    launch_pointwise(
        stream, "dropout", x.out.size(), aligned,
        Drop<has_residual, T>{x.input, x.residual, x.out, x.step, x.key, dropout_threshold(x.rate),
                              static_cast<float>(1.0 / (1.0 - x.rate))});
  };
  if (x.residual.empty()) {
    start.template operator()<false>();
  } else {
    start.template operator()<true>();
  }
}

template void dropout(const Dropout<float>&, Stream&);
template void dropout(const Dropout<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda
