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

// A GPU that has gone away, or was never there, makes any call return one of three errors: the
// device's own line says more then.
void begin_throwing(cudaError_t error) {
  static_cast<void>(cudaGetLastError());  // the next check is to see the next error
  if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver ||
      error == cudaErrorStubLibrary) {
    if (const std::string why = why_no_device(); !why.empty()) throw std::runtime_error(why);
  }
}

}  // namespace

void throw_cuda_error(cudaError_t error, const char* expression, const char* file, int line) {
  begin_throwing(error);
  throw std::runtime_error(error_message(expression, described(error), file, line));
}

void throw_launch_error(cudaError_t error, const char* kernel) {
  begin_throwing(error);
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction) {
    const DeviceProperties device = device_properties();
    throw std::runtime_error(
        no_code_message(kernel, device.major, device.minor, OBVERSE_CUDA_ARCHITECTURES));
  }
  throw std::runtime_error(launch_message(kernel, described(error)));
}

}  // namespace obverse::kernels::cuda
