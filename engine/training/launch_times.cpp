#include "engine/training/launch_times.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <utility>

#ifdef OBVERSE_WITH_NVTX
#include <nvtx3/nvToolsExt.h>
#endif

namespace obverse::engine {

namespace {

double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// Named ranges on the timeline of NVIDIA's profilers, in builds with a toolkit.
void begin_range([[maybe_unused]] const char* name) {
#ifdef OBVERSE_WITH_NVTX
  nvtxRangePushA(name);
#endif
}

void end_range() {
#ifdef OBVERSE_WITH_NVTX
  nvtxRangePop();
#endif
}

}  // namespace

std::vector<KernelTime> by_cost(const std::vector<KernelTime>& launches) {
  std::map<std::string, KernelTime> found;
  for (const KernelTime& launch : launches) {
    KernelTime& sum = found[launch.kernel];
    sum.launches += launch.launches;
    sum.seconds += launch.seconds;
  }
  std::vector<KernelTime> kernels;
  for (auto& [name, sum] : found) kernels.push_back({name, sum.launches, sum.seconds});
  std::stable_sort(kernels.begin(), kernels.end(),
                   [](const KernelTime& a, const KernelTime& b) { return a.seconds > b.seconds; });
  return kernels;
}

std::string describe(const std::vector<KernelTime>& kernels, std::int64_t steps,
                     double step_seconds) {
  const auto count = static_cast<double>(steps);
  char line[160];
  std::snprintf(line, sizeof(line), "%-28s %10s %12s %8s\n", "kernel", "launches", "ms a step",
                "share");
  std::string text = line;
  double outside = step_seconds;
  for (const KernelTime& kernel : kernels) {
    const double seconds = kernel.seconds / count;
    outside -= seconds;
    std::snprintf(line, sizeof(line), "%-28s %10.1f %12.4f %7.1f%%\n", kernel.kernel.c_str(),
                  static_cast<double>(kernel.launches) / count, seconds * 1e3,
                  100.0 * seconds / step_seconds);
    text += line;
  }
  std::snprintf(line, sizeof(line), "%-28s %10s %12.4f %7.1f%%\n", "(outside of kernels)", "",
                outside * 1e3, 100.0 * outside / step_seconds);
  return text + line;
}

LaunchTimes::LaunchTimes(const Device& device) : device_(device) { device_.observe(this); }

LaunchTimes::~LaunchTimes() { device_.observe(nullptr); }

// Launches that are recorded take no time yet.
bool LaunchTimes::measures() const {
  if (failure_ != nullptr) return false;
#ifdef OBVERSE_WITH_CUDA
  if (device_.kind() == DeviceKind::cuda) return !device_.stream().recording();
#endif
  return true;
}

void LaunchTimes::mark() {
#ifdef OBVERSE_WITH_CUDA
  if (device_.kind() == DeviceKind::cuda) {
    device_marks_.emplace_back().record(device_.stream());
    return;
  }
#endif
  host_marks_.push_back(seconds_now());
}

void LaunchTimes::before(const char* kernel) {
  begin_range(kernel);
  if (!measures()) return;
  try {
    names_.emplace_back(kernel);
    mark();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void LaunchTimes::after(const char* /*kernel*/) {
  end_range();
  if (!measures()) return;
  try {
    mark();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

double LaunchTimes::seconds_of(std::size_t launch) {
#ifdef OBVERSE_WITH_CUDA
  if (device_.kind() == DeviceKind::cuda) {
    return device_marks_[2 * launch + 1].seconds_since(device_marks_[2 * launch]);
  }
#endif
  return host_marks_[2 * launch + 1] - host_marks_[2 * launch];
}

NamedRange::NamedRange(const char* name) { begin_range(name); }

NamedRange::~NamedRange() { end_range(); }

std::vector<KernelTime> LaunchTimes::totals() {
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  device_.synchronize();
  std::vector<KernelTime> launches;
  for (std::size_t i = 0; i < names_.size(); ++i) launches.push_back({names_[i], 1, seconds_of(i)});
  return by_cost(launches);
}

}  // namespace obverse::engine
