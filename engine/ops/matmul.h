// Linear layers over the matmul kernel.
#pragma once

#include <string>

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

// Empty where a CUDA device may choose cuBLAS (Device::choose_matmul), else why it may not.
std::string why_no_cublas();

// input [..., input], weight [output, input] -> [..., output].
Variable linear(Tape& tape, const Variable& input, const Variable& weight,
                const LinearOptions& options = {});

// input * weight^T without history, in accumulator_of() their type: bf16 would leave three digits
// of a logit, and make ties of answers that are none.
Tensor linear_unrounded(const Tensor& input, const Tensor& weight);

}  // namespace obverse::engine
