// Device memory from a caching, stream-ordered allocator, and copies to and from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "kernels/core/span.h"
#include "kernels/core/stream.h"

namespace obverse::kernels::cuda {

// Says what was asked for and what is free.
class OutOfMemoryError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A block of device memory, aligned to 256 bytes. Move-only. The memory may be used by work on the
// stream that it was made with; on destruction it goes back to a cache from which later blocks of
// the same stream are served at once, since the stream's order keeps old and new uses apart. Work
// of other streams must be waited for first (Event).
class DeviceMemory {
 public:
  DeviceMemory() = default;
  // Throws OutOfMemoryError where there is too little.
  DeviceMemory(Stream& stream, std::size_t bytes);
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* data() const { return data_; }          // meaningless where bytes() is 0
  std::size_t bytes() const { return bytes_; }  // as asked for

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  void* block_ = nullptr;  // the allocator's own record
};

// `count` elements of T in device memory. Dereferencing its span is for kernels alone.
template <typename T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(Stream& stream, std::int64_t count)
      : memory_(stream, static_cast<std::size_t>(count) * sizeof(T)), count_(count) {}
  Span<T> span() const { return {static_cast<T*>(memory_.data()), count_}; }
  std::int64_t size() const { return count_; }

 private:
  DeviceMemory memory_;
  std::int64_t count_ = 0;
};

// Host memory that the device reads and writes by itself, so that copies from and to it pass the
// host by. Move-only; the destructor does not wait for copies under way.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  explicit PinnedMemory(std::size_t bytes);
  ~PinnedMemory();
  PinnedMemory(PinnedMemory&& other) noexcept;
  PinnedMemory& operator=(PinnedMemory&& other) noexcept;
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// Copies that have been made when they return. REQUIRES: the stream is not recording.
void copy_to_device(Stream& stream, void* device, const void* host, std::size_t bytes);
void copy_to_host(Stream& stream, void* host, const void* device, std::size_t bytes);
// Ordered on the stream, asynchronous to the host, whose memory must be pinned and left alone until
// the stream is past the copy.
void copy_to_device_later(Stream& stream, void* device, const void* pinned, std::size_t bytes);
void copy_to_host_later(Stream& stream, void* pinned, const void* device, std::size_t bytes);
// Ordered on the stream, asynchronous to the host.
void copy_on_device(Stream& stream, void* to, const void* from, std::size_t bytes);
void fill_bytes(Stream& stream, void* device, unsigned char value, std::size_t bytes);

struct DeviceMemoryStatistics {
  std::int64_t in_use_bytes = 0;    // held by DeviceMemory objects
  std::int64_t peak_bytes = 0;      // the largest that in_use_bytes has been
  std::int64_t reserved_bytes = 0;  // taken from the device: in use or cached
  std::int64_t allocations = 0;     // how often the device was asked; never falls
};
DeviceMemoryStatistics device_memory_statistics();
// Gives cached blocks back to the device.
void release_cached_device_memory();

}  // namespace obverse::kernels::cuda
