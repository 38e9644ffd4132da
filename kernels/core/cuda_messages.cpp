#include "kernels/core/cuda_messages.h"

#include <array>
#include <iomanip>
#include <sstream>

namespace obverse::kernels::cuda {
namespace {

// "1.5 GiB"
std::string bytes_text(std::size_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  std::ostringstream text;
  text << std::fixed << std::setprecision(unit == 0 ? 0 : 1) << value << ' ' << kUnits[unit];
  return text.str();
}

std::string capability_text(int major, int minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

}  // namespace

std::string version_text(int version) {
  if (version == 0) return "none";
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string device_message(DeviceSearch search, const DeviceProperties& device) {
  const std::string driver = version_text(device.driver_version);
  const std::string runtime = version_text(device.runtime_version);
  if (search != DeviceSearch::found && device.driver_version == 0) {
    return "[cuda] expected a CUDA device, found no NVIDIA driver: install one, or use the CPU";
  }
  if (search == DeviceSearch::driver_too_old) {
    return "[cuda] expected a driver for CUDA " + runtime + " or later, found one for CUDA " +
           driver + ": update it, or build with a toolkit as old as the driver";
  }
  if (search == DeviceSearch::no_device) {
    return "[cuda] expected a CUDA device, found none (the driver, for CUDA " + driver +
           ", is there): look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use the CPU";
  }
  if (device.major < 8) {
    return "[cuda] expected compute capability 8.0 or later, found " +
           capability_text(device.major, device.minor) + " (" + device.name +
           "): use a newer device, or the CPU";
  }
  return {};
}

std::string out_of_memory_message(std::size_t asked_bytes, std::size_t free_bytes,
                                  std::size_t total_bytes, std::size_t reserved_bytes) {
  return "[cuda] out of device memory: asked for " + bytes_text(asked_bytes) + ", of " +
         bytes_text(total_bytes) + " there are " + bytes_text(free_bytes) +
         " free (this process holds " + bytes_text(reserved_bytes) +
         "): a smaller batch, shorter sequences or --recompute blocks need less";
}

std::string error_message(const std::string& expression, const CudaError& error,
                          const std::string& file, int line) {
  return "[cuda] " + expression + ": " + error.name + ", " + error.text + " (" + file + ":" +
         std::to_string(line) + ")";
}

std::string launch_message(const std::string& kernel, const CudaError& error) {
  return "[" + kernel + "] could not be launched: " + error.name + ", " + error.text;
}

std::string no_code_message(const std::string& kernel, int major, int minor,
                            const std::string& architectures) {
  return "[" + kernel + "] expected code for compute capability " + capability_text(major, minor) +
         ", found only " + architectures +
         ": configure with -DOBVERSE_CUDA_ARCHITECTURES=" + std::to_string(major) +
         std::to_string(minor);
}

}  // namespace obverse::kernels::cuda
