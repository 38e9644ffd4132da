// AdamW with decoupled weight decay and bias correction, over many tensors in one call: Loshchilov
// and Hutter 2019, arXiv:1711.05101. With g = clip_scale * gradient:
//   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   w = w - lr * (decay * w + (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon))
#pragma once

#include <cstdint>

#include "kernels/core/span.h"

namespace obverse::kernels {

template <typename T>
struct AdamWTensor {
  Span<T> weight;
  Span<const T> gradient;     // as many elements as weight
  Span<T> first_moment;       // likewise
  Span<T> second_moment;      // likewise
  double weight_decay = 0.0;  // 0 for biases and gains by custom
};

template <typename T>
struct AdamW {
  Span<const AdamWTensor<T>> tensors;
  double learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.95, epsilon = 1e-8;
  std::int64_t step = 1;  // t above; REQUIRES: step >= 1
  // [1]: multiplies every gradient. Read from memory, so that clipping needs no round trip to the
  // host.
  Span<const T> clip_scale;
};

namespace cpu {
template <typename T>
void adamw(const AdamW<T>& arguments);
}  // namespace cpu

}  // namespace obverse::kernels
