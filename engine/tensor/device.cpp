#include "engine/tensor/device.h"

#include <stdexcept>
#include <utility>

#include "kernels/core/check.h"

#ifdef OBVERSE_WITH_CUDA
#include "kernels/core/device.h"
#include "kernels/core/stream.h"
#endif

namespace obverse::engine {

struct Device::State {
  DeviceKind kind;
  // Ahead of the allocator, whose memory belongs to its work.
#ifdef OBVERSE_WITH_CUDA
  std::unique_ptr<kernels::cuda::Stream> stream;
#endif
  std::unique_ptr<Allocator> allocator;
  MatmulChoice matmul_choice = MatmulChoice::own;
  LaunchObserver* observer = nullptr;
};

const char* name_of(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::cpu:
      return "cpu";
    case DeviceKind::cuda:
      return "cuda";
  }
  return "unknown";
}

Device Device::cpu() {
  auto state = std::make_shared<State>();
  state->kind = DeviceKind::cpu;
  state->allocator = std::make_unique<Allocator>();
  return Device(std::move(state));
}

#ifdef OBVERSE_WITH_CUDA
Device Device::cuda() {
  auto state = std::make_shared<State>();
  state->kind = DeviceKind::cuda;
  state->stream = std::make_unique<kernels::cuda::Stream>();
  state->allocator = std::make_unique<Allocator>(device_memory(*state->stream));
  return Device(std::move(state));
}

std::string Device::why_no_cuda() { return kernels::cuda::why_no_device(); }

kernels::cuda::Stream& Device::stream() const {
  kernels::require(kind() == DeviceKind::cuda, "[device] expected a CUDA device, got ",
                   name_of(kind()));
  return *state_->stream;
}

void Device::synchronize() const {
  if (kind() == DeviceKind::cuda) stream().synchronize();
}
#else
std::string Device::why_no_cuda() {
  return "[device] expected a build with CUDA, got one without: no CUDA toolkit was found when it "
         "was configured (or OBVERSE_CUDA is OFF)";
}

Device Device::cuda() { throw std::runtime_error(why_no_cuda()); }

kernels::cuda::Stream& Device::stream() const { throw std::runtime_error(why_no_cuda()); }

void Device::synchronize() const {}
#endif

Device Device::named(const std::string& name) {
  kernels::require(name == "cpu" || name == "cuda", "[device] expected cpu or cuda, got '", name,
                   "'");
  return name == "cpu" ? cpu() : cuda();
}

DeviceKind Device::kind() const { return state_->kind; }
Allocator& Device::allocator() const { return *state_->allocator; }
MatmulChoice Device::matmul_choice() const { return state_->matmul_choice; }
void Device::choose_matmul(MatmulChoice choice) const { state_->matmul_choice = choice; }
LaunchObserver* Device::observer() const { return state_->observer; }
void Device::observe(LaunchObserver* observer) const { state_->observer = observer; }

}  // namespace obverse::engine
