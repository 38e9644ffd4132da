// The one place where a device is chosen: OBVERSE_LAUNCH(device, layer_norm_forward, arguments)
// calls the kernel of that name in the backend's namespace. A macro, because the name is looked up
// in every backend's namespace.
#pragma once

#include "engine/tensor/tensor.h"

#define OBVERSE_LAUNCH(device, kernel, ...)           \
  do {                                                \
    switch ((device).kind()) {                        \
      case ::obverse::engine::DeviceKind::cpu:        \
        ::obverse::kernels::cpu::kernel(__VA_ARGS__); \
        break;                                        \
    }                                                 \
  } while (false)
