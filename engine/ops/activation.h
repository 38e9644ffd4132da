// SwiGLU. The pointwise activations are epilogues of linear (engine/ops/matmul.h).
#pragma once

#include "engine/autograd/tape.h"

namespace obverse::engine {

// gate_up [batch, sequence, 2 * width], the gate first -> [batch, sequence, width].
Variable swiglu(Tape& tape, const Variable& gate_up);

}  // namespace obverse::engine
