// The one place where a device is chosen: OBVERSE_LAUNCH(device, layer_norm_forward, arguments)
// calls the kernel of that name in the backend's namespace. A macro, because the name is looked up
// in every backend's namespace.
#pragma once

#include <type_traits>

#include "engine/tensor/tensor.h"

namespace obverse::engine {

// The element type of a kernel's arguments: their first template argument.
template <typename Arguments>
struct ElementOf;
template <template <typename...> typename Arguments, typename T, typename... Rest>
struct ElementOf<Arguments<T, Rest...>> {
  using Type = T;
};

// The element types that a backend has kernels for.
template <typename T>
inline constexpr bool kCpuTakes = std::is_same_v<T, float> || std::is_same_v<T, double>;
template <typename T>
inline constexpr bool kCudaTakes = std::is_same_v<T, float> || std::is_same_v<T, kernels::bf16>;

// Tells the device's observer, where there is one.
class ObservedLaunch {
 public:
  ObservedLaunch(const Device& device, const char* kernel)
      : observer_(device.observer()), kernel_(kernel) {
    if (observer_ != nullptr) observer_->before(kernel_);
  }
  ~ObservedLaunch() {
    if (observer_ != nullptr) observer_->after(kernel_);
  }
  ObservedLaunch(const ObservedLaunch&) = delete;
  ObservedLaunch& operator=(const ObservedLaunch&) = delete;

 private:
  LaunchObserver* observer_;
  const char* kernel_;
};

[[noreturn]] inline void fail_without_kernel(const char* kernel, const Device& device,
                                             DType dtype) {
  fail("[", kernel, "] expected an element type that ", name_of(device.kind()),
       " has kernels for, got ", name_of(dtype));
}

}  // namespace obverse::engine

#define OBVERSE_LAUNCH_ON(backend, takes, device, kernel, arguments, ...)                  \
  if constexpr (::obverse::engine::takes<ObverseElement>) {                                \
    ::obverse::kernels::backend::kernel(arguments __VA_OPT__(, ) __VA_ARGS__);             \
  } else {                                                                                 \
    ::obverse::engine::fail_without_kernel(#kernel, device,                                \
                                           ::obverse::engine::dtype_of<ObverseElement>()); \
  }

#ifdef OBVERSE_WITH_CUDA
#define OBVERSE_LAUNCH_ON_CUDA(device, kernel, arguments) \
  OBVERSE_LAUNCH_ON(cuda, kCudaTakes, device, kernel, arguments, (device).stream())
#else
#define OBVERSE_LAUNCH_ON_CUDA(device, kernel, arguments)
#endif

#define OBVERSE_LAUNCH(device, kernel, ...)                                                     \
  do {                                                                                          \
    const ::obverse::engine::Device& obverse_device = (device);                                 \
    const auto& obverse_arguments = __VA_ARGS__;                                                \
    using ObverseElement =                                                                      \
        typename ::obverse::engine::ElementOf<std::decay_t<decltype(obverse_arguments)>>::Type; \
    const ::obverse::engine::ObservedLaunch obverse_observed(obverse_device, #kernel);          \
    switch (obverse_device.kind()) {                                                            \
      case ::obverse::engine::DeviceKind::cpu:                                                  \
        OBVERSE_LAUNCH_ON(cpu, kCpuTakes, obverse_device, kernel, obverse_arguments)            \
        break;                                                                                  \
      case ::obverse::engine::DeviceKind::cuda:                                                 \
        OBVERSE_LAUNCH_ON_CUDA(obverse_device, kernel, obverse_arguments)                       \
        break;                                                                                  \
    }                                                                                           \
  } while (false)
