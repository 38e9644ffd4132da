// The devices that a test of the engine runs on: a GPU, the emulated one, or none beside the CPU.
#pragma once

#include <vector>

#include "engine/tensor/tensor.h"

namespace obverse::tests {

// The CUDA device under test, in a list that is empty where there is none. In the test program of
// the emulator it is the emulated one. One for all tests: a device of each test's own would find no
// memory in its cache.
inline const std::vector<engine::Device>& cuda_devices() {
  static const std::vector<engine::Device> devices = [] {
    std::vector<engine::Device> found;
    if (engine::Device::why_no_cuda().empty()) found.push_back(engine::Device::cuda());
    return found;
  }();
  return devices;
}

}  // namespace obverse::tests
