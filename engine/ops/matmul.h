// Linear layers over the matmul kernel.
#pragma once

#include "engine/autograd/tape.h"
#include "kernels/core/activation_kind.h"

namespace obverse::engine {

// out = activation(input * weight^T + bias) + residual. Weight is [output, input], as checkpoints
// of Llama shape have it.
struct LinearOptions {
  const Variable* bias = nullptr;      // [output]
  const Variable* residual = nullptr;  // like the output
  kernels::ActivationKind activation = kernels::ActivationKind::none;
};

// input [..., input], weight [output, input] -> [..., output].
Variable linear(Tape& tape, const Variable& input, const Variable& weight,
                const LinearOptions& options = {});

}  // namespace obverse::engine
