// Sums of variables, and filling a tensor.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// scale_a * a + scale_b * b. REQUIRES: one shape.
Variable add(Tape& tape, const Variable& a, const Variable& b, double scale_a = 1.0,
             double scale_b = 1.0);

// Sets every element.
void fill(const Tensor& tensor, double value);

// out = scale_a * a + scale_b * b, which may be undefined; out may be either of them.
void scaled_sum_into(const Tensor& out, const Tensor& a, double scale_a, const Tensor& b,
                     double scale_b);

// values * factor[0], a number in the device's memory of accumulator_of() their type.
Tensor scaled_by(const Tensor& values, const Tensor& factor);

}  // namespace obverse::engine
