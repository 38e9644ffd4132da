#include <cuda_runtime.h>

#include <stdexcept>
#include <utility>

#include "kernels/core/cuda_check.h"
#include "kernels/core/device.h"
#include "kernels/core/device_pool.h"
#include "kernels/core/stream.h"

namespace obverse::kernels::cuda {
namespace {

constexpr double kSecondsPerMillisecond = 1e-3;

cudaEvent_t native(void* event) { return static_cast<cudaEvent_t>(event); }

}  // namespace

Stream::Stream() : multiprocessors_(device_properties().multiprocessors) {
  cudaStream_t stream = nullptr;
  // Without this flag it would wait for, and hold up, work on CUDA's default stream.
  OBVERSE_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  handle_ = stream;
}

// Errors are those of work whose results nobody waits for any more.
Stream::~Stream() {
  if (handle_ == nullptr) return;
  static_cast<void>(cudaStreamSynchronize(native(*this)));
  library_.reset();
  device_pool().forget(handle_);
  device_pool().forget(steps_key());
  static_cast<void>(cudaStreamDestroy(native(*this)));
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

void Stream::synchronize() { OBVERSE_CUDA_CHECK(cudaStreamSynchronize(native(*this))); }

Event::Event(Use use) {
  cudaEvent_t event = nullptr;
  const unsigned flags =
      use == Use::time ? cudaEventDefault : cudaEventDisableTiming | cudaEventBlockingSync;
  OBVERSE_CUDA_CHECK(cudaEventCreateWithFlags(&event, flags));
  handle_ = event;
}

Event::~Event() {
  if (handle_ != nullptr) static_cast<void>(cudaEventDestroy(native(handle_)));
}

Event::Event(Event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Event& Event::operator=(Event&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

void Event::record(Stream& stream) {
  OBVERSE_CUDA_CHECK(cudaEventRecord(native(handle_), native(stream)));
}

void Event::synchronize() { OBVERSE_CUDA_CHECK(cudaEventSynchronize(native(handle_))); }

void Event::hold(Stream& stream) {
  OBVERSE_CUDA_CHECK(cudaStreamWaitEvent(native(stream), native(handle_), 0));
}

double Event::seconds_since(const Event& earlier) {
  synchronize();
  float milliseconds = 0.0f;
  OBVERSE_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, native(earlier.handle_), native(handle_)));
  return static_cast<double>(milliseconds) * kSecondsPerMillisecond;
}

}  // namespace obverse::kernels::cuda
