// Streams, events and device memory where the device is the host. An emulated stream has done its
// work when a call returns. Device memory begins as poison, and so do the bytes that are given
// back.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "kernels/core/device_memory.h"
#include "kernels/core/stream.h"
#include "tests/emulator/emulator.h"

namespace obverse::kernels::cuda {
namespace {

constexpr int kPoison = 0xFF;
constexpr std::size_t kAlignment = 256;

DeviceMemoryStatistics statistics;

using Clock = std::chrono::steady_clock;

}  // namespace

Stream::Stream() : multiprocessors_(obverse::emulation::kMultiprocessors) {}
Stream::~Stream() { synchronize(); }
Stream::Stream(Stream&& other) noexcept = default;
Stream& Stream::operator=(Stream&& other) noexcept = default;
void Stream::synchronize() {}

Event::Event() : handle_(new Clock::time_point(Clock::now())) {}
Event::~Event() { delete static_cast<Clock::time_point*>(handle_); }
Event::Event(Event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
Event& Event::operator=(Event&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}
void Event::record(Stream& /*stream*/) { *static_cast<Clock::time_point*>(handle_) = Clock::now(); }
void Event::synchronize() {}
void Event::hold(Stream& /*stream*/) {}
double Event::seconds_since(const Event& earlier) {
  return std::chrono::duration<double>(*static_cast<Clock::time_point*>(handle_) -
                                       *static_cast<const Clock::time_point*>(earlier.handle_))
      .count();
}

DeviceMemory::DeviceMemory(Stream& /*stream*/, std::size_t bytes) : bytes_(bytes) {
  const std::size_t room = (bytes / kAlignment + 1) * kAlignment;
  data_ = std::aligned_alloc(kAlignment, room);
  if (data_ == nullptr) throw std::bad_alloc();
  std::memset(data_, kPoison, room);
  statistics.in_use_bytes += static_cast<std::int64_t>(bytes);
  if (statistics.in_use_bytes > statistics.peak_bytes) {
    statistics.peak_bytes = statistics.in_use_bytes;
  }
  statistics.reserved_bytes = statistics.in_use_bytes;
  ++statistics.allocations;
}
DeviceMemory::~DeviceMemory() {
  if (data_ == nullptr) return;
  statistics.in_use_bytes -= static_cast<std::int64_t>(bytes_);
  statistics.reserved_bytes = statistics.in_use_bytes;
  std::memset(data_, kPoison, bytes_);
  std::free(data_);
}
DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void copy_to_device(Stream& /*stream*/, void* device, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(device, host, bytes);
}
void copy_to_host(Stream& /*stream*/, void* host, const void* device, std::size_t bytes) {
  if (bytes > 0) std::memcpy(host, device, bytes);
}
void copy_on_device(Stream& /*stream*/, void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}
void fill_bytes(Stream& /*stream*/, void* device, unsigned char value, std::size_t bytes) {
  if (bytes > 0) std::memset(device, value, bytes);
}

DeviceMemoryStatistics device_memory_statistics() { return statistics; }
void release_cached_device_memory() {}

}  // namespace obverse::kernels::cuda
