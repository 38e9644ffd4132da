// Sums of variables, and filling a tensor.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// scale_a * a + scale_b * b. REQUIRES: one shape.
Variable add(Tape& tape, const Variable& a, const Variable& b, double scale_a = 1.0,
             double scale_b = 1.0);

// Sets every element.
void fill(const Tensor& tensor, double value);

}  // namespace obverse::engine
