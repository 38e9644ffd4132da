// Division of counts that rounds up: how many blocks cover so many elements.
#pragma once

#include <type_traits>

#include "kernels/core/qualifiers.h"

namespace obverse::kernels {

// REQUIRES of both: value >= 0, divisor > 0.
template <typename Value, typename Divisor>
OBVERSE_HOST_DEVICE constexpr std::common_type_t<Value, Divisor> quotient_up(Value value,
                                                                             Divisor divisor) {
  return (value + divisor - 1) / divisor;
}

// The next multiple, `value` itself where it is one.
template <typename Value, typename Divisor>
OBVERSE_HOST_DEVICE constexpr std::common_type_t<Value, Divisor> round_up(Value value,
                                                                          Divisor divisor) {
  return quotient_up(value, divisor) * divisor;
}

}  // namespace obverse::kernels
