#include "engine/tensor/memory_source.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <unordered_map>
#include <utility>

#ifdef OBVERSE_WITH_CUDA
#include "kernels/core/device_memory.h"
#endif

namespace obverse::engine {
namespace {

class HostMemory : public MemorySource {
 public:
  std::byte* take(std::size_t bytes) override {
    constexpr std::size_t kLine = 64;  // of a cache, and the widest vector
    // Kernels walk down columns, a page a row: of large pages the processor knows enough, of small
    // ones it looks up a new one each time. A step takes 1 to 2 % less (AMD Zen 4).
    constexpr std::size_t kLargePage = std::size_t{2} << 20;
    const bool large = bytes >= kLargePage;
    void* memory = nullptr;
    if (::posix_memalign(&memory, large ? kLargePage : kLine, bytes) != 0) throw std::bad_alloc();
    // Where the kernel has none, small ones do.
    if (large) ::madvise(memory, bytes, MADV_HUGEPAGE);
    return static_cast<std::byte*>(memory);
  }
  void give_back(std::byte* memory) noexcept override { std::free(memory); }
  void poison(std::byte* memory, std::size_t bytes) override { std::memset(memory, 0xFF, bytes); }
};

#ifdef OBVERSE_WITH_CUDA
class DeviceSource : public MemorySource {
 public:
  explicit DeviceSource(kernels::cuda::Stream& stream) : stream_(stream) {}

  std::byte* take(std::size_t bytes) override {
    kernels::cuda::DeviceMemory memory(stream_, bytes);
    auto* const data = static_cast<std::byte*>(memory.data());
    taken_.emplace(data, std::move(memory));
    return data;
  }
  void give_back(std::byte* memory) noexcept override { taken_.erase(memory); }
  void poison(std::byte* memory, std::size_t bytes) override {
    kernels::cuda::fill_bytes(stream_, memory, 0xFF, bytes);
  }

 private:
  kernels::cuda::Stream& stream_;
  std::unordered_map<std::byte*, kernels::cuda::DeviceMemory> taken_;
};
#endif

}  // namespace

std::unique_ptr<MemorySource> host_memory() { return std::make_unique<HostMemory>(); }

#ifdef OBVERSE_WITH_CUDA
std::unique_ptr<MemorySource> device_memory(kernels::cuda::Stream& stream) {
  return std::make_unique<DeviceSource>(stream);
}
#endif

}  // namespace obverse::engine
