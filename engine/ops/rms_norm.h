// Root-mean-square normalization, of whole rows and of the heads of a packed projection.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// input [..., width], gain [width] -> like input.
Variable rms_norm(Tape& tape, const Variable& input, const Variable& gain, double epsilon = 1e-5);

// QK-norm: normalizes every query head by `query_gain` and every key head by `key_gain` (both
// [head_size]) and leaves the values. packed [batch, sequence, (heads + 2 * key_value_heads) *
// head_size] -> like packed.
Variable query_key_norm(Tape& tape, const Variable& packed, const Variable& query_gain,
                        const Variable& key_gain, std::int64_t heads, std::int64_t key_value_heads,
                        double epsilon = 1e-5);

}  // namespace obverse::engine
