// Token and learned position embedding.
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// ids [batch, sequence] i32, token_table [vocabulary, width], position_table [context, width] or
// undefined
// -> [batch, sequence, width].
Variable embedding(Tape& tape, const Tensor& ids, const Variable& token_table,
                   const Variable& position_table);

}  // namespace obverse::engine
