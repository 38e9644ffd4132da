// A block owns a token. It reads the row once for its maximum and its sum of exponentials, both on
// the way at once, and for the gradient a second time, backwards: what was read last is the
// likeliest to be in the second-level cache still, and a row of GPT-2's logits in bf16 is 98 KiB,
// of which few enough are under way that the cache holds them all.
//
// Rows of an odd vocabulary start anywhere: the elements before the first and after the last
// multiple of sixteen bytes, its edges, are taken one by one.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/core/check.h"
#include "kernels/core/division.h"
#include "kernels/core/floats.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/cross_entropy/cross_entropy_check.h"

namespace obverse::kernels::cuda {
namespace {

constexpr int kMostThreads = 512;
constexpr int kMostWarps = kMostThreads / kWarpSize;
// Under way for each thread. Two blocks of 512 threads then wait for 64 KiB, twice what memory's
// latency asks for, and leave a thread 64 registers.
constexpr int kVectors = 4;

template <typename T>
struct Arguments {
  Span<const std::int32_t> targets;
  Span<const float> weights, gradient_factor;
  Span<T> logits;
  Span<float> losses;
  float gradient_scale;
  int vocabulary;
};

struct Shared {
  SharedArray<float, kMostWarps> maxima, sums;
};

// The parts of a row: `head` elements, `vectors` times sixteen bytes, and fewer elements than a
// vector has.
template <typename T>
struct Row {
  static constexpr int kCount = Vector16<T>::kCount;
  Span<T> elements;
  int head, vectors;

  __device__ __forceinline__ explicit Row(Span<T> row) : elements(row) {
    const int misaligned = static_cast<int>(reinterpret_cast<std::uintptr_t>(row.data()) % 16);
    const int size = static_cast<int>(row.size());
    head = (16 - misaligned) % 16 / static_cast<int>(sizeof(T));
    if (head > size) head = size;
    vectors = (size - head) / kCount;
  }
  __device__ __forceinline__ int of_vector(int vector) const { return head + vector * kCount; }
  // The one element of the edges that is the calling thread's: a block has more threads than there
  // can be. None where it is not below the row's size.
  __device__ __forceinline__ int of_edge() const {
    const int thread = thread_index().x;
    return thread < head ? thread : thread + vectors * kCount;
  }
  // Vectors before this are taken kVectors at a time.
  __device__ __forceinline__ int batched() const {
    const int batch = block_size().x * kVectors;
    return vectors / batch * batch;
  }
};

// exp(x), for x of at most 0.
__device__ __forceinline__ float power(float x) { return exp2_approximate(x * 1.44269504f); }

// The sum of exp(x - maximum) of what was seen. The maximum begins as the lowest finite float:
// from -inf, logits of -inf would be at a distance of NaN.
struct Running {
  float maximum = -std::numeric_limits<float>::max(), sum = 0.0f;

  template <int vectors, int count>
  __device__ __forceinline__ void add(const float (&values)[vectors][count]) {
    float largest = maximum;
    OBVERSE_UNROLL
    for (int i = 0; i < vectors * count; ++i) {
      largest = std::fmax(largest, values[i / count][i % count]);
    }
    sum *= power(maximum - largest);
    maximum = largest;
    OBVERSE_UNROLL
    for (int i = 0; i < vectors; ++i) {
      float part = 0.0f;
      OBVERSE_UNROLL
      for (int j = 0; j < count; ++j) part += power(values[i][j] - largest);
      sum += part;
    }
  }
  // Over the lanes of a warp; each gets the same.
  __device__ __forceinline__ Running of_warp() const {
    const float largest = warp_max(maximum);
    return {largest, warp_sum(sum * power(maximum - largest))};
  }
};

template <CacheHint hint, typename T>
__device__ __forceinline__ Running sum_of_row(const Row<T>& row) {
  constexpr int kCount = Row<T>::kCount;
  const int threads = block_size().x, batched = row.batched();
  Running running;
  if (const int edge = row.of_edge(); edge < row.elements.size()) {
    const float value[1][1] = {{static_cast<float>(row.elements[edge])}};
    running.add(value);
  }
  OBVERSE_NO_UNROLL
  for (int first = thread_index().x; first < batched; first += threads * kVectors) {
    Vector16<T> loaded[kVectors];
    OBVERSE_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      loaded[i] = load_16<hint>(row.elements, row.of_vector(first + i * threads));
    }
    float values[kVectors][kCount];
    OBVERSE_UNROLL
    for (int i = 0; i < kVectors; ++i) to_floats<T>(values[i], loaded[i]);
    running.add(values);
  }
  OBVERSE_NO_UNROLL
  for (int vector = batched + thread_index().x; vector < row.vectors; vector += threads) {
    float values[1][kCount];
    load_floats<hint>(values[0], row.elements, row.of_vector(vector));
    running.add(values);
  }
  return running;
}

__device__ __forceinline__ Running of_block(const Running& of_thread) {
  Shared& shared = shared_memory<Shared>();
  const Running of_warp = of_thread.of_warp();
  if (lane_index() == 0) {
    shared.maxima.span().store(warp_index(), of_warp.maximum);
    shared.sums.span().store(warp_index(), of_warp.sum);
  }
  block_barrier();
  Running running;
  if (lane_index() < block_size().x / kWarpSize) {
    running = {shared.maxima.span().load(lane_index()), shared.sums.span().load(lane_index())};
  }
  return running.of_warp();
}

// Replaces each logit by factor * exp(logit - maximum).
template <typename T>
__device__ __forceinline__ void write_shares(const Row<T>& row, float maximum, float factor) {
  constexpr int kCount = Row<T>::kCount;
  const int threads = block_size().x, batched = row.batched();
  const auto write = [&](int vector, const Vector16<T>& loaded) {
    float values[kCount];
    to_floats<T>(values, loaded);
    OBVERSE_UNROLL
    for (int i = 0; i < kCount; ++i) values[i] = power(values[i] - maximum) * factor;
    store_floats<CacheHint::streaming>(row.elements, row.of_vector(vector), values);
  };
  OBVERSE_NO_UNROLL
  for (int vector = batched + thread_index().x; vector < row.vectors; vector += threads) {
    write(vector, load_16<CacheHint::streaming>(row.elements, row.of_vector(vector)));
  }
  OBVERSE_NO_UNROLL
  for (int first = batched - threads * kVectors + thread_index().x; first >= 0;
       first -= threads * kVectors) {
    Vector16<T> loaded[kVectors];
    OBVERSE_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      loaded[i] = load_16<CacheHint::streaming>(row.elements, row.of_vector(first + i * threads));
    }
    OBVERSE_UNROLL
    for (int i = 0; i < kVectors; ++i) write(first + i * threads, loaded[i]);
  }
  if (const int edge = row.of_edge(); edge < row.elements.size()) {
    row.elements[edge] = T(power(static_cast<float>(row.elements[edge]) - maximum) * factor);
  }
}

template <typename T>
__device__ __forceinline__ void fill_row(const Row<T>& row, float value) {
  float values[Row<T>::kCount];
  OBVERSE_UNROLL
  for (int i = 0; i < Row<T>::kCount; ++i) values[i] = value;
  for (int vector = thread_index().x; vector < row.vectors; vector += block_size().x) {
    store_floats<CacheHint::streaming>(row.elements, row.of_vector(vector), values);
  }
  if (row.of_edge() < row.elements.size()) row.elements[row.of_edge()] = T(value);
}

template <typename T, bool write_gradient>
__global__ void __launch_bounds__(kMostThreads, 2) cross_entropy_kernel(Arguments<T> x) {
  const std::int64_t token = block_index().x;
  const Row<T> row(x.logits.subspan(token * x.vocabulary, x.vocabulary));
  const std::int32_t target = x.targets[token];
  if (target < 0 || target >= x.vocabulary) {
    const float value = target == kIgnoredTarget ? 0.0f : std::numeric_limits<float>::quiet_NaN();
    if (thread_index().x == 0) x.losses[token] = value;
    if constexpr (write_gradient) fill_row(row, value);
    return;
  }
  const auto target_logit = static_cast<float>(row.elements[target]);
  constexpr CacheHint kHint = write_gradient ? CacheHint::none : CacheHint::streaming;
  const Running total = of_block(sum_of_row<kHint>(row));
  if (thread_index().x == 0) {
    x.losses[token] = std::log(total.sum) + (total.maximum - target_logit);
  }
  if constexpr (write_gradient) {
    float scale = x.gradient_scale;
    if (!x.weights.empty()) scale *= x.weights[token];
    if (!x.gradient_factor.empty()) scale *= x.gradient_factor[0];
    const float factor = scale / total.sum;
    write_shares(row, total.maximum, factor);
    block_barrier();  // whoever took the target's element has written it
    if (thread_index().x == 0) {
      row.elements[target] = T(power(target_logit - total.maximum) * factor - scale);
    }
  }
}

}  // namespace

template <typename T>
void cross_entropy(const CrossEntropy<T>& x, Stream& stream) {
  check_cross_entropy(x);
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  require(x.vocabulary <= kMost && x.tokens <= kMost,
          "[cross_entropy] expected a vocabulary and tokens below 2^31, got ", x.vocabulary,
          " and ", x.tokens);
  const std::int64_t vectors = quotient_up(x.vocabulary, Vector16<T>::kCount);
  const auto threads =
      static_cast<unsigned>(std::min<std::int64_t>(kMostThreads, round_up(vectors, kWarpSize)));
  launch(stream,
         {.kernel = "cross_entropy",
          .grid = {static_cast<unsigned>(x.tokens)},
          .block = {threads},
          .shared_bytes = sizeof(Shared)},
         x.write_gradient ? &cross_entropy_kernel<T, true> : &cross_entropy_kernel<T, false>,
         Arguments<T>{x.targets, x.weights, x.gradient_factor, x.logits, x.losses,
                      static_cast<float>(x.gradient_scale), static_cast<int>(x.vocabulary)});
}

template void cross_entropy(const CrossEntropy<float>&, Stream&);
template void cross_entropy(const CrossEntropy<bf16>&, Stream&);

}  // namespace obverse::kernels::cuda
