// Where tensors live and operations run.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/tensor/allocator.h"

namespace obverse::kernels::cuda {
class Stream;
}  // namespace obverse::kernels::cuda

namespace obverse::engine {

enum class DeviceKind { cpu, cuda };
const char* name_of(DeviceKind kind);

// Which matrix products a CUDA device takes: the project's kernels, or NVIDIA's library.
enum class MatmulChoice { own, cublas };

// Told of every kernel that operations start on a device, before and after; for measuring.
class LaunchObserver {
 public:
  virtual ~LaunchObserver() = default;
  virtual void before(const char* kernel) = 0;
  virtual void after(const char* kernel) = 0;
};

// Copies are the same device with the same allocator and, on CUDA, the same stream; two calls of
// cpu() or cuda() give devices that share neither, which is how concurrent runs stay out of each
// other's way.
class Device {
 public:
  static Device cpu();
  // The current CUDA device. Throws std::runtime_error with one line that says what is missing: a
  // build with CUDA, a driver, a GPU.
  static Device cuda();
  // "cpu" or "cuda"; throws std::invalid_argument for any other name.
  static Device named(const std::string& name);
  // Empty where cuda() would succeed, else the line that it would throw.
  static std::string why_no_cuda();

  DeviceKind kind() const;
  Allocator& allocator() const;
  // REQUIRES: kind() is cuda. All of a device's work runs on it, in order.
  kernels::cuda::Stream& stream() const;
  // Waits for all work given so far, and throws what went wrong; nothing to do on the CPU.
  void synchronize() const;

  // own at first.
  MatmulChoice matmul_choice() const;
  void choose_matmul(MatmulChoice choice) const;

  // Null at first. The observer must outlive its use.
  LaunchObserver* observer() const;
  void observe(LaunchObserver* observer) const;

 private:
  friend class Tensor;
  struct State;
  Device() = default;  // none: an undefined tensor's
  explicit Device(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace obverse::engine
