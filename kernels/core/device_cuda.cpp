#include <cuda_runtime.h>

#include <stdexcept>

#include "kernels/core/cuda_check.h"
#include "kernels/core/cuda_messages.h"
#include "kernels/core/device.h"

namespace obverse::kernels::cuda {
namespace {

struct Search {
  DeviceSearch outcome = DeviceSearch::found;
  DeviceProperties device;
};

// Asks only what is cheap, and nothing through OBVERSE_CUDA_CHECK before a device is found: that
// asks here what is wrong with it.
Search search() {
  Search result;
  DeviceProperties& device = result.device;
  static_cast<void>(cudaDriverGetVersion(&device.driver_version));
  static_cast<void>(cudaRuntimeGetVersion(&device.runtime_version));
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver || error == cudaErrorSystemDriverMismatch) {
    result.outcome = DeviceSearch::driver_too_old;
  } else if (error == cudaErrorNoDevice || error == cudaErrorStubLibrary ||
             (error == cudaSuccess && count == 0)) {
    result.outcome = DeviceSearch::no_device;
  }
  if (error != cudaSuccess) static_cast<void>(cudaGetLastError());
  if (result.outcome != DeviceSearch::found) return result;
  // Whatever else may be wrong (a device that has fallen off the bus) has CUDA's own words.
  if (error != cudaSuccess) {
    throw std::runtime_error(error_message("cudaGetDeviceCount(&count)",
                                           {cudaGetErrorName(error), cudaGetErrorString(error)},
                                           __FILE__, __LINE__));
  }
  int current = 0;
  OBVERSE_CUDA_CHECK(cudaGetDevice(&current));
  cudaDeviceProp properties{};
  OBVERSE_CUDA_CHECK(cudaGetDeviceProperties(&properties, current));
  device.name = properties.name;
  device.major = properties.major;
  device.minor = properties.minor;
  device.multiprocessors = properties.multiProcessorCount;
  device.memory_bytes = properties.totalGlobalMem;
  device.l2_bytes = static_cast<std::size_t>(properties.l2CacheSize);
  device.shared_bytes_per_block = properties.sharedMemPerBlockOptin;
  return result;
}

}  // namespace

DeviceProperties device_properties() {
  Search found = search();
  const std::string why = device_message(found.outcome, found.device);
  if (!why.empty()) throw std::runtime_error(why);
  std::size_t total = 0;
  OBVERSE_CUDA_CHECK(cudaMemGetInfo(&found.device.free_bytes, &total));
  return found.device;
}

std::string why_no_device() {
  try {
    const Search found = search();
    return device_message(found.outcome, found.device);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

}  // namespace obverse::kernels::cuda
