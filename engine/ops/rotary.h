// Rotary positions for the heads of a packed projection.
#pragma once

#include "engine/autograd/tape.h"
#include "kernels/rotary/rotary.h"

namespace obverse::engine {

// Rotates the first `heads` heads (queries, then keys) of packed [batch, sequence, width] and
// leaves the rest. `first_positions`: [batch] i32, those of the rows' first tokens, or undefined:
// 0.
Variable rotary(Tape& tape, const Variable& packed, std::int64_t heads, std::int64_t head_size,
                double base = 10000.0, const Tensor& first_positions = Tensor(),
                const kernels::RotaryScaling& scaling = {});

}  // namespace obverse::engine
