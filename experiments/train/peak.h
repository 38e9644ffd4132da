// What the machine can do at best, to tell a run's share of it.
#pragma once

#include "engine/tensor/device.h"
#include "engine/tensor/tensor.h"

namespace obverse::train {

// Operations a second of the best of a few products of growing size, by the kernels that training
// takes on this device: a fraction of a second.
double measured_peak(const engine::Device& device, engine::DType dtype);

}  // namespace obverse::train
