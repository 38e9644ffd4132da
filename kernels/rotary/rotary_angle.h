// What both backends share: what is asked of the arguments, without reading the arrays, and how
// angles come about.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/core/qualifiers.h"
#include "kernels/rotary/rotary.h"

namespace obverse::kernels {

template <typename T>
void rotary_check(const Rotary<T>& x) {
  const std::int64_t row = x.heads * x.head_size, count = x.batch * x.sequence * x.stride;
  require(x.batch >= 0 && x.sequence >= 0 && x.heads >= 0,
          "[rotary] expected batch, sequence and heads of at least 0, got ", x.batch, ", ",
          x.sequence, " and ", x.heads);
  require(x.head_size > 0 && x.head_size % 2 == 0,
          "[rotary] expected an even head_size above 0, got ", x.head_size);
  require(x.stride >= row, "[rotary] expected a stride of at least ", row, ", got ", x.stride);
  require(x.base > 0, "[rotary] expected a base above 0, got ", x.base);
  require(x.scaling.factor > 0 && x.scaling.slow < x.scaling.fast,
          "[rotary] expected a scaling factor above 0 and slow turns below the fast ones, got ",
          x.scaling.factor, ", ", x.scaling.slow, " and ", x.scaling.fast);
  require_size_or_empty("rotary", "first_positions", x.batch, x.first_positions.size());
  require_size("rotary", "input", count, x.input.size());
  require_size("rotary", "out", count, x.out.size());
}

// Angles are exact at the first of so many positions, then turned by one step's angle a position: a
// hundred times cheaper than a sine and a cosine for each, and 32 steps in double lose about 1e-14.
// These blocks begin at fixed positions, so that no value depends on how the work is split.
inline constexpr std::int64_t kRotaryPositions = 32;

// The angle of one pair, as it runs through the positions of a block.
struct RotaryAngle {
  double cosine, sine, step_cosine, step_sine;

  OBVERSE_HOST_DEVICE void advance() {
    const double turned = cosine * step_cosine - sine * step_sine;
    sine = sine * step_cosine + cosine * step_sine;
    cosine = turned;
  }
  OBVERSE_HOST_DEVICE void advance(std::int64_t positions) {
    OBVERSE_NO_UNROLL
    for (std::int64_t i = 0; i < positions; ++i) advance();
  }
};

// What one position turns pair `pair` by.
template <typename T>
OBVERSE_HOST_DEVICE inline double rotary_step(const Rotary<T>& x, std::int64_t pair) {
  const double exponent = -2.0 * static_cast<double>(pair) / static_cast<double>(x.head_size);
  const double step = std::pow(x.base, exponent);
  const RotaryScaling& scaling = x.scaling;
  if (scaling.factor == 1.0) return step;
  constexpr double kTurn = 6.283185307179586;
  const double turns = scaling.original_context * step / kTurn;
  if (turns > scaling.fast) return step;
  if (turns < scaling.slow) return step / scaling.factor;
  const double kept = (turns - scaling.slow) / (scaling.fast - scaling.slow);
  return (1.0 - kept) * step / scaling.factor + kept * step;
}

// At the first position of block `block`.
template <typename T>
OBVERSE_HOST_DEVICE inline RotaryAngle rotary_angle(const Rotary<T>& x, std::int64_t block,
                                                    std::int64_t pair) {
  const double step = (x.inverse ? -1.0 : 1.0) * rotary_step(x, pair);
  const double start = static_cast<double>(block * kRotaryPositions) * step;
  return {std::cos(start), std::sin(start), std::cos(step), std::sin(step)};
}

// Calls write(index, angle) for positions `first` to `first + count`, index 0 and on, with the
// values that they have in a sequence that begins at position 0.
template <typename T, typename Write>
OBVERSE_HOST_DEVICE inline void for_each_angle(const Rotary<T>& x, std::int64_t pair,
                                               std::int64_t first, std::int64_t count,
                                               const Write& write) {
  OBVERSE_NO_UNROLL
  for (std::int64_t index = 0; index < count;) {
    const std::int64_t position = first + index, within = position % kRotaryPositions;
    RotaryAngle angle = rotary_angle(x, position / kRotaryPositions, pair);
    angle.advance(within);
    // In a loop of its own, which calls nothing: the angle stays in registers.
    const std::int64_t left = kRotaryPositions - within;
    const std::int64_t end = count < index + left ? count : index + left;
    OBVERSE_NO_UNROLL
    for (; index < end; ++index) {
      write(index, angle);
      angle.advance();
    }
  }
}

}  // namespace obverse::kernels
