#include <stdexcept>

#include "kernels/core/cuda_check.h"
#include "kernels/core/cuda_messages.h"
#include "kernels/core/device.h"
#include "kernels/core/device_memory.h"

namespace obverse::kernels::cuda {
namespace {

CudaError described(cudaError_t error) {
  return {cudaGetErrorName(error), cudaGetErrorString(error)};
}

// What a GPU that has gone away, or was never there, makes any call return.
bool is_about_the_device(cudaError_t error) {
  return error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver ||
         error == cudaErrorStubLibrary;
}

}  // namespace

void throw_cuda_error(cudaError_t error, const char* expression, const char* file, int line) {
  static_cast<void>(cudaGetLastError());  // the next check is to see the next error
  if (is_about_the_device(error)) {
    if (const std::string why = why_no_device(); !why.empty()) throw std::runtime_error(why);
  }
  throw std::runtime_error(error_message(expression, described(error), file, line));
}

void throw_launch_error(cudaError_t error, const char* kernel) {
  static_cast<void>(cudaGetLastError());
  if (is_about_the_device(error)) {
    if (const std::string why = why_no_device(); !why.empty()) throw std::runtime_error(why);
  }
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction) {
    const DeviceProperties device = device_properties();
    throw std::runtime_error(
        no_code_message(kernel, device.major, device.minor, OBVERSE_CUDA_ARCHITECTURES));
  }
  throw std::runtime_error(launch_message(kernel, described(error)));
}

}  // namespace obverse::kernels::cuda
