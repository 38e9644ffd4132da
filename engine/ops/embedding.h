// Token and learned position embedding.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// ids [batch, sequence] i32, token_table [vocabulary, width], position_table [context, width] or
// undefined -> [batch, sequence, width]. `first_positions`: [batch] i32, those of the rows' first
// tokens, or undefined: 0.
Variable embedding(Tape& tape, const Tensor& ids, const Variable& token_table,
                   const Variable& position_table, const Tensor& first_positions = Tensor());

}  // namespace obverse::engine
