// Scalar functions that the compiler can vectorise: no calls, no branches. The float versions keep
// a relative error of a few units in the last place; the double versions are the C library's, since
// gradient checks compare to 1e-6. On a GPU the float versions take its approximate exponential and
// quotient, which err by a few units in the last place of 1, the most that tanh and sigmoid show.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/core/qualifiers.h"

namespace obverse::kernels {

// exp(x) for float: 2^round(x / ln 2) times a polynomial of degree 6 on [-ln 2 / 2, ln 2 / 2] (the
// classic Cephes reduction with ln 2 in two parts). Below -87.3 the result is 0; above 88 it stays
// at exp(88) = 1.7e38, which no caller here reaches. NaN stays NaN: the clamp is written so that
// comparisons with NaN leave it alone.
OBVERSE_HOST_DEVICE inline float exp(float x) {
#ifdef __CUDA_ARCH__
  return __expf(x);
#else
  const float low = x < -87.3f ? -87.3f : x;
  const float clamped = low > 88.0f ? 88.0f : low;
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float shifted = clamped * 1.44269504f + kRounder;
  const float exponent = shifted - kRounder;
  const float r = (clamped - exponent * 0.693359375f) + exponent * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // The integer sits in the low mantissa bits of `shifted`; moved to the exponent field it scales
  // by 2^exponent.
  const auto bits = std::bit_cast<std::int32_t>(shifted);
  const float power = std::bit_cast<float>((bits - 0x4B400000 + 127) << 23);
  const float result = p * power;
  return x < -87.3f ? 0.0f : result;
#endif
}

inline double exp(double x) { return std::exp(x); }

// tanh(x) = 1 - 2 / (exp(2x) + 1): absolute error of one unit in the last place of 1, which is what
// GELU needs.
template <typename T>
inline T tanh(T x) {
  return T(1) - T(2) / (kernels::exp(T(2) * x) + T(1));
}
template <>
inline double tanh(double x) {
  return std::tanh(x);
}

template <typename T>
OBVERSE_HOST_DEVICE inline T sigmoid(T x) {
#ifdef __CUDA_ARCH__
  return __fdividef(1.0f, 1.0f + kernels::exp(-x));
#else
  return T(1) / (T(1) + kernels::exp(-x));
#endif
}

}  // namespace obverse::kernels
