// What users read when CUDA cannot go on: one line each, what was found and what was expected.
// Apart from the calls that find it out, so that machines without a GPU can test every line.
#pragma once

#include <cstddef>
#include <string>

#include "kernels/core/device.h"

namespace obverse::kernels::cuda {

// 13000 is CUDA's way to write 13.0; 0 stands for no driver at all.
std::string version_text(int version);

// What a count of devices has brought.
enum class DeviceSearch { found, no_device, driver_too_old };

// Empty where the device can be used. With anything but `found`, only the versions of `device` are
// read.
std::string device_message(DeviceSearch search, const DeviceProperties& device);

// `reserved_bytes` is what this process holds of the device.
std::string out_of_memory_message(std::size_t asked_bytes, std::size_t free_bytes,
                                  std::size_t total_bytes, std::size_t reserved_bytes);

// An error of the runtime, by name and text.
struct CudaError {
  std::string name, text;
};
std::string error_message(const std::string& expression, const CudaError& error,
                          const std::string& file, int line);
std::string launch_message(const std::string& kernel, const CudaError& error);
// The build holds no code for a device of capability `major`.`minor`; `architectures` is what it
// was configured with.
std::string no_code_message(const std::string& kernel, int major, int minor,
                            const std::string& architectures);

}  // namespace obverse::kernels::cuda
