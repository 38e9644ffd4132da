// What meets the CUDA runtime: its errors as exceptions that name the expression, the error, file
// and line, and its own name for a stream.
#pragma once

#include <cuda_runtime.h>

#include "kernels/core/stream.h"

namespace obverse::kernels::cuda {

// Throw std::runtime_error; a missing device, a driver older than the toolkit and exhausted memory
// get a line of their own that says what to do.
[[noreturn]] void throw_cuda_error(cudaError_t error, const char* expression, const char* file,
                                   int line);
[[noreturn]] void throw_launch_error(cudaError_t error, const char* kernel);

inline cudaStream_t native(const Stream& stream) {
  return static_cast<cudaStream_t>(stream.handle());
}

inline void check_launch(cudaError_t error, const char* kernel) {
  if (error != cudaSuccess) throw_launch_error(error, kernel);
}

}  // namespace obverse::kernels::cuda

// A macro, because the expression's text and place are part of the message.
#define OBVERSE_CUDA_CHECK(expression)                                                            \
  do {                                                                                            \
    const cudaError_t obverse_error = (expression);                                               \
    if (obverse_error != cudaSuccess) {                                                           \
      ::obverse::kernels::cuda::throw_cuda_error(obverse_error, #expression, __FILE__, __LINE__); \
    }                                                                                             \
  } while (false)
