// AdamW with decoupled weight decay and bias correction, over many tensors in one call: Loshchilov
// and Hutter 2019, arXiv:1711.05101. With g = clip_scale * gradient:
//   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   w = w - lr * (decay * w + (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon))
#pragma once

#include <cstdint>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

// How a new weight becomes a bf16. Stochastically it is one of its two neighbours, the nearer the
// likelier, so that on average nothing is lost: a step below half the distance between neighbours
// is lost for good by rounding to nearest.
enum class Rounding { nearest, stochastic };

// T is what the weights that are updated are kept in: float beside a copy in bf16, or bf16 alone.
template <typename T, typename Gradient = T>
struct AdamWTensor {
  Span<T> weight;
  Span<const Gradient> gradient;       // as many elements as weight
  Span<Accumulator<T>> first_moment;   // likewise
  Span<Accumulator<T>> second_moment;  // likewise
  double weight_decay = 0.0;           // 0 for biases and gains by custom
  // Likewise or empty: the new weight in bf16, for the next step's products. REQUIRES: T is no
  // bf16.
  Span<bf16> rounded_weight;
};

// What changes from step to step.
struct AdamWSchedule {
  double learning_rate = 1e-3;
  std::int64_t step = 1;
};

template <typename T, typename Gradient = T>
struct AdamW {
  Span<const AdamWTensor<T, Gradient>> tensors;
  double learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.95, epsilon = 1e-8;
  std::int64_t step = 1;  // t above; REQUIRES: 1 <= step < 2^32
  // [1] or empty: replaces learning_rate and step. Read from memory, so that a CUDA graph takes
  // each step's own; that the step is in range cannot be checked there.
  Span<const AdamWSchedule> schedule;
  // [1]: multiplies every gradient. Read from memory, so that clipping needs no round trip to the
  // host. Where it is NaN or infinite, nothing changes.
  Span<const Accumulator<T>> clip_scale;
  // Stochastic rounding draws by seed, step, place in `tensors` and element: the same bits on every
  // run, whatever the number of threads or blocks.
  Rounding rounding = Rounding::nearest;
  std::uint64_t seed = 0;
};

namespace cpu {
template <typename T, typename Gradient = T>
void adamw(const AdamW<T, Gradient>& arguments);  // what CUDA takes, and <double>
}  // namespace cpu

namespace cuda {
class Stream;

// <float>, <float, bf16>, <bf16> and <bf16, float>. Asynchronous: `tensors` itself, which is in
// host memory, may be reused at once; what its spans point to when the stream is past the call. A
// float weight with a bf16 gradient and a copy moves 28 bytes an element, in accesses of 16 bytes
// where all of a tensor's arrays start at multiples of 16.
template <typename T, typename Gradient = T>
void adamw(const AdamW<T, Gradient>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
