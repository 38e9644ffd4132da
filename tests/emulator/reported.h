// What the emulator says of a kernel, for its own tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"
#include "tests/emulator/emulator.h"
#include "tests/support/random_values.h"

namespace obverse::tests {

inline const emulation::Schedule kSchedules[] = {
    emulation::Schedule::forward(), emulation::Schedule::reverse(), emulation::Schedule::random(1),
    emulation::Schedule::random(2), emulation::Schedule::random(3)};

// The message of the KernelError that a launch throws, or "nothing reported".
template <typename... Parameters, typename... Arguments>
std::string report_of(const kernels::cuda::LaunchShape& shape, void (*kernel)(Parameters...),
                      Arguments&&... arguments) {
  kernels::cuda::Stream stream;
  try {
    launch(stream, shape, kernel, std::forward<Arguments>(arguments)...);
  } catch (const emulation::KernelError& error) {
    return error.what();
  }
  return "nothing reported";
}

template <int count>
struct Floats {
  kernels::cuda::SharedArray<float, count> values;
};

// A right kernel: each thread writes its own number.
inline __global__ void places(kernels::Span<std::int32_t> out) {
  using namespace kernels::cuda;  // NOLINT: as in a kernel file
  const Index thread = thread_index(), block = block_index(), size = block_size();
  const int number = thread.x + size.x * (thread.y + size.y * thread.z);
  const int block_number = block.x + grid_size().x * (block.y + grid_size().y * block.z);
  out[block_number * size.x * size.y * size.z + number] = number + 1000 * block_number;
}

}  // namespace obverse::tests
