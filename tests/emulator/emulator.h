// Runs CUDA kernels on the host, thread by thread, and reports what a GPU would let pass. A CUDA
// thread is a fiber; barriers, warp collectives and asynchronous copies are rendezvous that check
// who comes to them; each access to shared memory is checked against all others of its block.
// docs/emulator.md says how to bring a kernel to it, and what it cannot see.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "kernels/core/emulation.h"

namespace obverse::emulation {

using kernels::emulation::Index3;
using kernels::emulation::Launch;

// A kernel did what it must not. what() is
// "[kernel] block (0, 0, 0), thread (5, 0, 0): reason (file:line)".
class KernelError : public std::runtime_error {
 public:
  KernelError(const std::string& kernel, const Index3& block, const Index3& thread,
              const std::string& reason);

  const std::string& kernel() const { return kernel_; }
  const Index3& block() const { return block_; }
  const Index3& thread() const { return thread_; }
  const std::string& reason() const { return reason_; }

 private:
  std::string kernel_;
  Index3 block_, thread_;
  std::string reason_;
};

// In which order runnable threads of a block, and blocks, are taken up. A correct kernel gives the
// same whatever the order, but for the order of atomic additions.
struct Schedule {
  enum class Order { forward, reverse, random };
  Order order = Order::forward;
  std::uint64_t seed = 0;

  static constexpr Schedule forward() { return {Order::forward, 0}; }
  static constexpr Schedule reverse() { return {Order::reverse, 0}; }
  static constexpr Schedule random(std::uint64_t seed) { return {Order::random, seed}; }
};

// Holds for the launches of its lifetime; the one before comes back after it. Forward at first.
class WithSchedule {
 public:
  explicit WithSchedule(const Schedule& schedule);
  ~WithSchedule();
  WithSchedule(const WithSchedule&) = delete;
  WithSchedule& operator=(const WithSchedule&) = delete;

 private:
  Schedule before_;
};
Schedule current_schedule();

// While it lives, host code that touches device memory faults, as it would with a GPU. Changing a
// page's protection costs more than a small kernel, so that not all tests are run under it.
class WithGuardedMemory {
 public:
  WithGuardedMemory();
  ~WithGuardedMemory();
  WithGuardedMemory(const WithGuardedMemory&) = delete;
  WithGuardedMemory& operator=(const WithGuardedMemory&) = delete;
};

// While one lives, that is allowed: kernels and copies take it.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

// While it lives, streams do their work as late as they may: when somebody waits for it. Host
// memory that a copy still needs, or results that are read too early, then show. Errors come from
// the wait.
class WithLateStreams {
 public:
  WithLateStreams();
  ~WithLateStreams();
  WithLateStreams(const WithLateStreams&) = delete;
  WithLateStreams& operator=(const WithLateStreams&) = delete;

 private:
  bool before_;
};

// How many graphs were replayed so far.
std::int64_t replayed_graphs();

// While it lives, the device has so many bytes more than were taken from it before.
class WithDeviceBytes {
 public:
  explicit WithDeviceBytes(std::int64_t more);
  ~WithDeviceBytes();
  WithDeviceBytes(const WithDeviceBytes&) = delete;
  WithDeviceBytes& operator=(const WithDeviceBytes&) = delete;

 private:
  std::int64_t before_;
};
inline constexpr std::int64_t kMostDeviceBytes = std::int64_t{16} << 30;

// What emulated streams say they can fill. Small, so that small tests fill it.
inline constexpr int kMultiprocessors = 8;

}  // namespace obverse::emulation
