// Streams and events of one CUDA device, for host code that no CUDA compiler need read. Work on one
// stream runs in the order in which it was given and asynchronously to the host.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

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
  // Whether work is recorded (graph.h) rather than done.
  bool recording() const { return recording_; }
  // How many multiprocessors kernels on this stream can fill: what tile choices are made for.
  int multiprocessors() const { return multiprocessors_; }
  void* handle() const { return handle_; }  // a cudaStream_t
  // What a library beside ours keeps for the stream: null at first, and destroyed with the stream
  // once its work is done.
  std::shared_ptr<void>& library() { return library_; }

  // What the device's memory is cached by: of work that is recorded, or may be, another one than
  // else.
  const void* memory_key() const { return of_steps_ || recording_ ? steps_key() : handle_; }
  const void* steps_key() const { return static_cast<const char*>(handle_) + 1; }

  // While one lives, DeviceMemory comes from the cache that recordings of this stream have, so that
  // work has the same memory whether it is recorded or done. Nothing is kept there from one to the
  // next.
  class StepMemory {
   public:
    explicit StepMemory(Stream& stream)
        : stream_(stream), before_(std::exchange(stream.of_steps_, true)) {}
    ~StepMemory() { stream_.of_steps_ = before_; }
    StepMemory(const StepMemory&) = delete;
    StepMemory& operator=(const StepMemory&) = delete;

   private:
    Stream& stream_;
    bool before_;
  };

 private:
  friend class Graph;
  void* handle_ = nullptr;
  int multiprocessors_ = 1;
  bool recording_ = false, of_steps_ = false;
  std::shared_ptr<void> library_;
};

// A point in a stream's work, and the clock of the device. Move-only.
class Event {
 public:
  // One without a clock costs less, and who waits for it leaves the processor to others.
  enum class Use { time, order };
  explicit Event(Use use = Use::time);
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
