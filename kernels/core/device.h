// Which CUDA device there is and what it can hold.
#pragma once

#include <cstddef>
#include <string>

namespace obverse::kernels::cuda {

struct DeviceProperties {
  std::string name;          // "NVIDIA H200"
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::size_t memory_bytes = 0, free_bytes = 0;
  std::size_t l2_bytes = 0;
  std::size_t shared_bytes_per_block = 0;       // the most that a block may ask for
  int driver_version = 0, runtime_version = 0;  // 13000 is 13.0
};

// Of the current device. Throws std::runtime_error with one line that says what is wrong and what
// to do where there is no device, the driver is older than the toolkit, or the device is older than
// compute capability 8.0.
DeviceProperties device_properties();

// Empty where device_properties() would succeed, else the line that it would throw.
std::string why_no_device();

}  // namespace obverse::kernels::cuda
