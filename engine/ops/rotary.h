// Rotary positions for the heads of a packed projection.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// Rotates the first `heads` heads (queries, then keys) of packed [batch, sequence, width] and
// leaves the rest.
Variable rotary(Tape& tape, const Variable& packed, std::int64_t heads, std::int64_t head_size,
                double base = 10000.0);

}  // namespace obverse::engine
