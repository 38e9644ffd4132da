// A recorded sequence of a stream's work (a CUDA graph) that one call starts again and again: the
// host's time for hundreds of launches becomes that of one.
#pragma once

#include <functional>
#include <shared_mutex>

#include "kernels/core/stream.h"

namespace obverse::kernels::cuda {

// Held shared by whoever records, and alone by calls that a recording of another thread may not
// have beside it: those that wait for the whole device.
std::shared_mutex& recordings();

// Move-only. Records addresses and parameters as they are: what a replay is to do otherwise, it
// must read from memory. The destructor does not wait: work that was started must be done by then.
class Graph {
 public:
  Graph() = default;  // nothing
  ~Graph();
  Graph(Graph&& other) noexcept;
  Graph& operator=(Graph&& other) noexcept;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Runs `body`, whose work on `stream` is recorded and not done.Meanwhile the stream's
  // DeviceMemory comes from a cache of its own (Stream::StepMemory), which from then on gives
  // nothing back to the device: nobody else keeps anything where a replay writes.  // `body` must
  // not wait for the stream, copy from or to the host but asynchronously, or record on its own.
  // Passes on what `body` throws; the stream is then as before.
  static Graph record(Stream& stream, const std::function<void()>& body);

  bool recorded() const { return handle_ != nullptr; }
  // Gives all of the recorded work to `stream`, in order with its other work. REQUIRES: recorded().
  void replay(Stream& stream) const;

 private:
  void* handle_ = nullptr;  // a cudaGraphExec_t
};

}  // namespace obverse::kernels::cuda
