#include "kernels/core/cuda_messages.h"

#include <string>

#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::cuda::DeviceProperties;
using kernels::cuda::DeviceSearch;

DeviceProperties versions(int driver, int runtime) {
  DeviceProperties device;
  device.driver_version = driver;
  device.runtime_version = runtime;
  return device;
}

TEST_CASE("each reason against a CUDA device has a line of its own", "[cuda_messages]") {
  CHECK(device_message(DeviceSearch::no_device, versions(0, 13000)) ==
        "[cuda] expected a CUDA device, found no NVIDIA driver: install one, or use the CPU");
  CHECK(device_message(DeviceSearch::no_device, versions(12040, 12040)) ==
        "[cuda] expected a CUDA device, found none (the driver, for CUDA 12.4, is there): look at "
        "nvidia-smi and CUDA_VISIBLE_DEVICES, or use the CPU");
  CHECK(device_message(DeviceSearch::driver_too_old, versions(12020, 13000)) ==
        "[cuda] expected a driver for CUDA 13.0 or later, found one for CUDA 12.2: update it, or "
        "build with a toolkit as old as the driver");
  DeviceProperties old = versions(13000, 13000);
  old.name = "Tesla V100";
  old.major = 7;
  CHECK(device_message(DeviceSearch::found, old) ==
        "[cuda] expected compute capability 8.0 or later, found 7.0 (Tesla V100): use a newer "
        "device, or the CPU");
  old.major = 8;
  CHECK(device_message(DeviceSearch::found, old).empty());
}

TEST_CASE("exhausted memory says what was asked for, what is free and what helps",
          "[cuda_messages]") {
  CHECK(kernels::cuda::out_of_memory_message(std::size_t{3} << 30, std::size_t{1} << 29,
                                             std::size_t{80} << 30, 900) ==
        "[cuda] out of device memory: asked for 3.0 GiB, of 80.0 GiB there are 512.0 MiB free "
        "(this process holds 900 bytes): a smaller batch, shorter sequences or --recompute blocks "
        "need less");
}

TEST_CASE("errors of the runtime carry expression, name, text and place", "[cuda_messages]") {
  CHECK(kernels::cuda::error_message("cudaFree(data)", {"cudaErrorIllegalAddress", "illegal"},
                                     "file.cpp", 7) ==
        "[cuda] cudaFree(data): cudaErrorIllegalAddress, illegal (file.cpp:7)");
  CHECK(kernels::cuda::launch_message("matmul", {"cudaErrorInvalidValue", "invalid argument"}) ==
        "[matmul] could not be launched: cudaErrorInvalidValue, invalid argument");
  CHECK(kernels::cuda::no_code_message("matmul", 12, 0, "80-real, 90a-real") ==
        "[matmul] expected code for compute capability 12.0, found only 80-real, 90a-real: "
        "configure with -DOBVERSE_CUDA_ARCHITECTURES=120");
}

}  // namespace
}  // namespace obverse::tests
