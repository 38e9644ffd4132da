// Dropout with an optional residual.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// dropout(input) + residual (undefined: none). Outside training, or at rate 0, nothing is dropped.
// Two calls of one step draw different masks; the same call of a repeated step draws the same one.
Variable dropout(Tape& tape, const Variable& input, const Variable& residual, double rate);

}  // namespace obverse::engine
