#include <cuda_runtime.h>

#include <utility>

#include "kernels/core/cuda_check.h"
#include "kernels/core/cuda_messages.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/device_pool.h"

namespace obverse::kernels::cuda {
namespace {

void* take(std::size_t bytes) {
  void* data = nullptr;
  const cudaError_t error = cudaMalloc(&data, bytes);
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    return nullptr;
  }
  OBVERSE_CUDA_CHECK(error);
  return data;
}

// cudaFree waits for all work of the device. Its errors are those of that work, which whoever waits
// for it next is told, or mean that the process is ending and the driver has gone before us.
void give_back(void* data) { static_cast<void>(cudaFree(data)); }

}  // namespace

// Never destroyed: blocks of static storage are given back after any destructor could have run.
CachingPool& device_pool() {
  static CachingPool* const kPool = new CachingPool({&take, &give_back});
  return *kPool;
}

DeviceMemory::DeviceMemory(Stream& stream, std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  CachingPool::Block* block = device_pool().allocate(stream.memory_key(), bytes);
  if (block == nullptr) {
    std::size_t free_bytes = 0, total_bytes = 0;
    OBVERSE_CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
    const auto reserved = static_cast<std::size_t>(device_pool().statistics().reserved_bytes);
    throw OutOfMemoryError(out_of_memory_message(bytes, free_bytes, total_bytes, reserved));
  }
  data_ = block->data;
  block_ = block;
}

DeviceMemory::~DeviceMemory() {
  if (block_ != nullptr) device_pool().free(static_cast<CachingPool::Block*>(block_));
}

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      block_(std::exchange(other.block_, nullptr)) {}

DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(block_, other.block_);
  return *this;
}

PinnedMemory::PinnedMemory(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* data = nullptr;
  OBVERSE_CUDA_CHECK(cudaHostAlloc(&data, bytes, cudaHostAllocDefault));
  data_ = static_cast<std::byte*>(data);
}

PinnedMemory::~PinnedMemory() {
  if (data_ != nullptr) static_cast<void>(cudaFreeHost(data_));
}

PinnedMemory::PinnedMemory(PinnedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

PinnedMemory& PinnedMemory::operator=(PinnedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void copy_to_device(Stream& stream, void* device, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  OBVERSE_CUDA_CHECK(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, native(stream)));
  stream.synchronize();
}

void copy_to_host(Stream& stream, void* host, const void* device, std::size_t bytes) {
  if (bytes == 0) return;
  OBVERSE_CUDA_CHECK(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, native(stream)));
  stream.synchronize();
}

void copy_to_device_later(Stream& stream, void* device, const void* pinned, std::size_t bytes) {
  if (bytes == 0) return;
  OBVERSE_CUDA_CHECK(
      cudaMemcpyAsync(device, pinned, bytes, cudaMemcpyHostToDevice, native(stream)));
}

void copy_to_host_later(Stream& stream, void* pinned, const void* device, std::size_t bytes) {
  if (bytes == 0) return;
  OBVERSE_CUDA_CHECK(
      cudaMemcpyAsync(pinned, device, bytes, cudaMemcpyDeviceToHost, native(stream)));
}

void copy_on_device(Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  OBVERSE_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, native(stream)));
}

void fill_bytes(Stream& stream, void* device, unsigned char value, std::size_t bytes) {
  if (bytes == 0) return;
  OBVERSE_CUDA_CHECK(cudaMemsetAsync(device, value, bytes, native(stream)));
}

DeviceMemoryStatistics device_memory_statistics() { return device_pool().statistics(); }

void release_cached_device_memory() { device_pool().release_cached(); }

}  // namespace obverse::kernels::cuda
