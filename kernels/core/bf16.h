// bfloat16: the upper half of a float, rounded to nearest even. A type of the project's own, so
// that no toolkit header is needed and host, emulator and device agree bit for bit.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/core/qualifiers.h"

namespace obverse::kernels {

struct BFloat16 {
  std::uint16_t bits = 0;

  BFloat16() = default;
  OBVERSE_HOST_DEVICE explicit BFloat16(float value) : bits(rounded(value)) {}
  OBVERSE_HOST_DEVICE explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  // Host code compares in double; every bfloat16 is one.
  explicit operator double() const { return static_cast<double>(static_cast<float>(*this)); }

  // The nearest bfloat16, ties to the even one; past the largest finite one it is infinity. A NaN
  // stays a NaN (its payload's upper bits, made quiet): rounding up could carry it to infinity.
  OBVERSE_HOST_DEVICE static constexpr std::uint16_t rounded(float value) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    if ((word & 0x7FFFFFFFu) > 0x7F800000u) {
      return static_cast<std::uint16_t>((word >> 16) | 0x0040u);
    }
    return static_cast<std::uint16_t>((word + 0x7FFFu + ((word >> 16) & 1u)) >> 16);
  }
};
static_assert(sizeof(BFloat16) == 2 && std::is_trivially_copyable_v<BFloat16>);

using bf16 = BFloat16;  // NOLINT(readability-identifier-naming): as the field writes it

// What sums over elements of T are kept in.
template <typename T>
struct AccumulatorOf {
  using Type = T;
};
template <>
struct AccumulatorOf<bf16> {
  using Type = float;
};
template <typename T>
using Accumulator = typename AccumulatorOf<T>::Type;

}  // namespace obverse::kernels
