// Where an allocator's memory comes from: the host's heap, or a CUDA device.
#pragma once

#include <cstddef>
#include <memory>

namespace obverse::kernels::cuda {
class Stream;
}  // namespace obverse::kernels::cuda

namespace obverse::engine {

class MemorySource {
 public:
  virtual ~MemorySource() = default;
  // Memory that starts at a multiple of 64 bytes. Throws std::bad_alloc, or
  // kernels::cuda::OutOfMemoryError with what is free.
  virtual std::byte* take(std::size_t bytes) = 0;
  virtual void give_back(std::byte* memory) noexcept = 0;
  // Makes every bit a one, a NaN, so that a read before a write is seen. Only where bounds are
  // checked.
  virtual void poison(std::byte* memory, std::size_t bytes) = 0;
};

std::unique_ptr<MemorySource> host_memory();
// For work on `stream`, which must outlive it. REQUIRES: a build with CUDA.
std::unique_ptr<MemorySource> device_memory(kernels::cuda::Stream& stream);

}  // namespace obverse::engine
