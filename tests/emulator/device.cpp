// Streams, events, graphs and device memory where the device is the host. Device memory lies apart,
// so that host code can be kept from it; each block begins as poison.
#include "kernels/core/device.h"

#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/caching_pool.h"
#include "kernels/core/cuda_messages.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/graph.h"
#include "kernels/core/stream.h"
#include "tests/emulator/emulator.h"

namespace obverse::emulation {
namespace {

bool streams_are_late = false;
std::atomic<std::int64_t> graphs_replayed{0};
std::int64_t device_bytes = kMostDeviceBytes;

// Address space for all device memory of the process. Pages are the system's until first touched.
class Arena {
 public:
  Arena() {
    void* memory = mmap(nullptr, kMostDeviceBytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    begin_ = static_cast<std::byte*>(memory);
  }

  // Never given back: the pool above keeps what it has.
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t room = (bytes + kPage - 1) / kPage * kPage;
    if (static_cast<std::int64_t>(used_ + room) > device_bytes) return nullptr;
    void* const taken = begin_ + used_;
    used_ += room;
    if (open_ > 0 || !guarded_) protect(PROT_READ | PROT_WRITE);
    return taken;
  }
  void guard(bool guarded) {
    const std::lock_guard lock(mutex_);
    guarded_ = guarded;
    protect(guarded && open_ == 0 ? PROT_NONE : PROT_READ | PROT_WRITE);
  }
  void open() {
    const std::lock_guard lock(mutex_);
    if (open_++ == 0 && guarded_) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    if (--open_ == 0 && guarded_) protect(PROT_NONE);
  }
  std::size_t used() const { return used_; }

 private:
  static constexpr std::size_t kPage = 4096;
  void protect(int access) const {
    if (used_ > 0 && mprotect(begin_, used_, access) != 0) throw std::bad_alloc();
  }
  std::mutex mutex_;
  std::byte* begin_ = nullptr;
  std::size_t used_ = 0;
  int open_ = 0;
  bool guarded_ = false;
};

Arena& arena() {
  static auto* const kArena = new Arena;  // blocks of static storage outlive any destructor
  return *kArena;
}

}  // namespace

WithGuardedMemory::WithGuardedMemory() { arena().guard(true); }
WithGuardedMemory::~WithGuardedMemory() { arena().guard(false); }

std::int64_t replayed_graphs() { return graphs_replayed; }

DeviceAccess::DeviceAccess() { arena().open(); }
DeviceAccess::~DeviceAccess() { arena().close(); }

WithLateStreams::WithLateStreams() : before_(std::exchange(streams_are_late, true)) {}
WithLateStreams::~WithLateStreams() { streams_are_late = before_; }

WithDeviceBytes::WithDeviceBytes(std::int64_t more)
    : before_(std::exchange(device_bytes, static_cast<std::int64_t>(arena().used()) + more)) {}
WithDeviceBytes::~WithDeviceBytes() { device_bytes = before_; }

}  // namespace obverse::emulation

namespace obverse::kernels::cuda {
namespace {

using Clock = std::chrono::steady_clock;
using Work = std::function<void()>;

constexpr int kPoison = 0xFF;

// Never destroyed, as on a GPU.
CachingPool& pool() {
  static auto* const kPool =
      new CachingPool({[](std::size_t bytes) { return obverse::emulation::arena().take(bytes); },
                       [](void* /*data*/) {}});
  return *kPool;
}

struct EmulatedStream {
  std::vector<Work> waiting;  // where streams are late
  std::size_t done = 0, given = 0;
  std::vector<Work>* record = nullptr;
};
EmulatedStream& emulated(void* handle) { return *static_cast<EmulatedStream*>(handle); }

// Does what was given first, up to so much of it.
void finish(EmulatedStream& stream, std::size_t until) {
  while (stream.done < until) {
    const std::size_t first = stream.given - stream.waiting.size();
    const Work work = std::move(stream.waiting[stream.done - first]);
    ++stream.done;
    if (stream.done == stream.given) stream.waiting.clear();
    work();
  }
}

void forbid_while_recording(const Stream& stream, const char* what) {
  if (stream.recording()) {
    throw std::runtime_error(std::string("[graph] expected only work that can be recorded, got ") +
                             what);
  }
}

// The point of a stream's work that an event stands for.
struct EmulatedEvent {
  EmulatedStream* stream = nullptr;
  std::size_t point = 0;
  Clock::time_point time = Clock::now();
};
EmulatedEvent& event(void* handle) { return *static_cast<EmulatedEvent*>(handle); }

void submit_copy(Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  kernels::emulation::submit(stream.handle(), [to, from, bytes] {
    const obverse::emulation::DeviceAccess access;
    std::memcpy(to, from, bytes);
  });
}

void poison(void* data, std::size_t bytes) {
  const obverse::emulation::DeviceAccess access;
  std::memset(data, kPoison, bytes);
}

}  // namespace

Stream::Stream()
    : handle_(new EmulatedStream), multiprocessors_(obverse::emulation::kMultiprocessors) {}
Stream::~Stream() {
  if (handle_ == nullptr) return;
  try {
    synchronize();
  } catch (...) {  // errors of work whose results nobody waits for any more
  }
  library_.reset();
  pool().forget(handle_);
  pool().forget(steps_key());
  delete static_cast<EmulatedStream*>(handle_);
}
Stream::Stream(Stream&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      multiprocessors_(other.multiprocessors_),
      recording_(std::exchange(other.recording_, false)),
      library_(std::move(other.library_)) {}
Stream& Stream::operator=(Stream&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(multiprocessors_, other.multiprocessors_);
  std::swap(recording_, other.recording_);
  std::swap(library_, other.library_);
  return *this;
}
void Stream::synchronize() {
  forbid_while_recording(*this, "a wait for the stream");
  finish(emulated(handle_), emulated(handle_).given);
}

Event::Event(Use /*use*/) : handle_(new EmulatedEvent) {}
Event::~Event() { delete static_cast<EmulatedEvent*>(handle_); }
Event::Event(Event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
Event& Event::operator=(Event&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}
void Event::record(Stream& stream) {
  forbid_while_recording(stream, "an event");
  event(handle_) = {&emulated(stream.handle()), emulated(stream.handle()).given, Clock::now()};
}
void Event::synchronize() {
  if (event(handle_).stream != nullptr) finish(*event(handle_).stream, event(handle_).point);
}
void Event::hold(Stream& stream) {
  if (event(handle_).stream == nullptr) return;
  kernels::emulation::submit(stream.handle(),
                             [at = event(handle_)] { finish(*at.stream, at.point); });
}
double Event::seconds_since(const Event& earlier) {
  synchronize();
  return std::chrono::duration<double>(event(handle_).time - event(earlier.handle_).time).count();
}

Graph::~Graph() { delete static_cast<std::vector<Work>*>(handle_); }
Graph::Graph(Graph&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
Graph& Graph::operator=(Graph&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}
Graph Graph::record(Stream& stream, const std::function<void()>& body) {
  forbid_while_recording(stream, "another recording");
  pool().keep(stream.steps_key());
  auto work = std::make_unique<std::vector<Work>>();
  emulated(stream.handle()).record = work.get();
  stream.recording_ = true;
  const auto end = [&] {
    emulated(stream.handle()).record = nullptr;
    stream.recording_ = false;
  };
  try {
    body();
  } catch (...) {
    end();
    throw;
  }
  end();
  Graph graph;
  graph.handle_ = work.release();
  return graph;
}
void Graph::replay(Stream& stream) const {
  if (!recorded()) throw std::invalid_argument("[graph] expected a graph that was recorded");
  ++obverse::emulation::graphs_replayed;
  for (const Work& work : *static_cast<const std::vector<Work>*>(handle_)) {
    kernels::emulation::submit(stream.handle(), work);
  }
}

DeviceMemory::DeviceMemory(Stream& stream, std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  CachingPool::Block* block = pool().allocate(stream.memory_key(), bytes);
  if (block == nullptr) {
    const DeviceMemoryStatistics held = pool().statistics();
    throw OutOfMemoryError(out_of_memory_message(
        bytes, 0, static_cast<std::size_t>(obverse::emulation::kMostDeviceBytes),
        static_cast<std::size_t>(held.reserved_bytes)));
  }
  data_ = block->data;
  block_ = block;
  // In order with the stream's work, which may still use the block under its last owner.
  kernels::emulation::submit(stream.handle(),
                             [data = data_, room = block->bytes] { poison(data, room); });
}
DeviceMemory::~DeviceMemory() {
  if (block_ != nullptr) pool().free(static_cast<CachingPool::Block*>(block_));
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

PinnedMemory::PinnedMemory(std::size_t bytes)
    : data_(bytes == 0 ? nullptr : new std::byte[bytes]), bytes_(bytes) {}
PinnedMemory::~PinnedMemory() { delete[] data_; }
PinnedMemory::PinnedMemory(PinnedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
PinnedMemory& PinnedMemory::operator=(PinnedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void copy_to_device(Stream& stream, void* device, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  forbid_while_recording(stream, "a copy that waits");
  submit_copy(stream, device, host, bytes);
  stream.synchronize();
}
void copy_to_host(Stream& stream, void* host, const void* device, std::size_t bytes) {
  copy_to_device(stream, host, device, bytes);
}
void copy_to_device_later(Stream& stream, void* device, const void* pinned, std::size_t bytes) {
  submit_copy(stream, device, pinned, bytes);
}
void copy_to_host_later(Stream& stream, void* pinned, const void* device, std::size_t bytes) {
  submit_copy(stream, pinned, device, bytes);
}
void copy_on_device(Stream& stream, void* to, const void* from, std::size_t bytes) {
  submit_copy(stream, to, from, bytes);
}
void fill_bytes(Stream& stream, void* device, unsigned char value, std::size_t bytes) {
  if (bytes == 0) return;
  kernels::emulation::submit(stream.handle(), [device, value, bytes] {
    const obverse::emulation::DeviceAccess access;
    std::memset(device, value, bytes);
  });
}

DeviceProperties device_properties() {
  DeviceProperties properties;
  properties.name = "emulated";
  properties.major = 8;
  properties.multiprocessors = obverse::emulation::kMultiprocessors;
  properties.memory_bytes = static_cast<std::size_t>(obverse::emulation::kMostDeviceBytes);
  return properties;
}
std::string why_no_device() { return {}; }

DeviceMemoryStatistics device_memory_statistics() { return pool().statistics(); }
void release_cached_device_memory() { pool().release_cached(); }

}  // namespace obverse::kernels::cuda

namespace obverse::kernels::emulation {

void submit(void* stream, std::function<void()> work) {
  cuda::EmulatedStream& to = cuda::emulated(stream);
  if (to.record != nullptr) {
    to.record->push_back(std::move(work));
    return;
  }
  ++to.given;
  to.waiting.push_back(std::move(work));
  if (!obverse::emulation::streams_are_late) cuda::finish(to, to.given);
}

}  // namespace obverse::kernels::emulation
