// What the machine can do at best, to tell a run's share of it.
#pragma once

#include "engine/tensor/device.h"
#include "engine/tensor/tensor.h"

namespace obverse::train {

// Operations a second of the best of a few large products of matrices, by the kernels that training
// takes on this device: a second's work at most. 0 on the CPU where there is no time to measure.
double measured_peak(const engine::Device& device, engine::DType dtype);

}  // namespace obverse::train
