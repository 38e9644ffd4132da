// Streams and events of one CUDA device, for host code that no CUDA compiler need read. Work on one
// stream runs in the order in which it was given and asynchronously to the host.
#pragma once

#include <cstdint>

namespace obverse::kernels::cuda {

// Move-only. The destructor waits for the work that was given to it.
class Stream {
 public:
  // A stream of the current device. Throws std::runtime_error where there is no usable device.
  Stream();
  ~Stream();
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Blocks the host until everything given so far is done; throws what went wrong meanwhile.
  void synchronize();
  // How many multiprocessors kernels on this stream can fill: what tile choices are made for.
  int multiprocessors() const { return multiprocessors_; }
  void* handle() const { return handle_; }  // a cudaStream_t

 private:
  void* handle_ = nullptr;
  int multiprocessors_ = 1;
};

// A point in a stream's work, and the clock of the device. Move-only.
class Event {
 public:
  Event();
  ~Event();
  Event(Event&& other) noexcept;
  Event& operator=(Event&& other) noexcept;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(Stream& stream);
  void synchronize();                          // blocks the host until the point is reached
  void hold(Stream& stream);                   // `stream` waits for the point, the host does not
  double seconds_since(const Event& earlier);  // REQUIRES: both recorded; waits for this one

 private:
  void* handle_ = nullptr;
};

}  // namespace obverse::kernels::cuda
