// How long each kernel of a training step takes.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "engine/tensor/device.h"

#ifdef OBVERSE_WITH_CUDA
#include "kernels/core/stream.h"
#endif

namespace obverse::engine {

struct KernelTime {
  std::string kernel;
  std::int64_t launches = 0;
  double seconds = 0.0;  // of all launches
};

// One KernelTime a name, most expensive first.
std::vector<KernelTime> by_cost(const std::vector<KernelTime>& launches);

// A table of so many steps' kernels and of what else a step of `step_seconds` is: a line each, with
// launches and milliseconds a step and the share of the step.
std::string describe(const std::vector<KernelTime>& kernels, std::int64_t steps,
                     double step_seconds);

// A part of the program on the timeline of NVIDIA's profilers (NVTX), for as long as it lives; in
// builds without a toolkit nothing. `name` is copied.
class NamedRange {
 public:
  explicit NamedRange(const char* name);
  ~NamedRange();
  NamedRange(const NamedRange&) = delete;
  NamedRange& operator=(const NamedRange&) = delete;
};

// Times every launch on a device from its making on, on CUDA by events of the device's stream and
// so by its own clock, on the CPU by the host's, and makes it a NamedRange. Of kernels that the
// device does faster than the host starts them, some microseconds, the host's time is what is
// measured. Of steps that are replayed as graphs it learns nothing.
class LaunchTimes : public LaunchObserver {
 public:
  explicit LaunchTimes(const Device& device);
  ~LaunchTimes() override;
  LaunchTimes(const LaunchTimes&) = delete;
  LaunchTimes& operator=(const LaunchTimes&) = delete;

  void before(const char* kernel) override;
  // Throws nothing: a launch that failed is told of while its exception is on its way.
  void after(const char* kernel) override;

  // by_cost() of all launches so far, for which it waits. Throws what went wrong while observing.
  std::vector<KernelTime> totals();

 private:
  bool measures() const;
  void mark();
  double seconds_of(std::size_t launch);

  Device device_;
  std::vector<std::string> names_;  // one for every two marks: before and after
  std::vector<double> host_marks_;
#ifdef OBVERSE_WITH_CUDA
  std::vector<kernels::cuda::Event> device_marks_;
#endif
  std::exception_ptr failure_;
};

}  // namespace obverse::engine
