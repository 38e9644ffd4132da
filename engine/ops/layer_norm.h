// Layer normalization.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// input [..., width], gain [width], bias [width] or undefined -> like input.
Variable layer_norm(Tape& tape, const Variable& input, const Variable& gain, const Variable& bias,
                    double epsilon = 1e-5);

}  // namespace obverse::engine
