#include <cuda_runtime.h>

#include <mutex>
#include <shared_mutex>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/cuda_check.h"
#include "kernels/core/device_pool.h"
#include "kernels/core/graph.h"

namespace obverse::kernels::cuda {

std::shared_mutex& recordings() {
  static auto* const kMutex = new std::shared_mutex;  // outlives every stream
  return *kMutex;
}

Graph::~Graph() {
  if (handle_ != nullptr)
    static_cast<void>(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(handle_)));
}

Graph::Graph(Graph&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Graph& Graph::operator=(Graph&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

Graph Graph::record(Stream& stream, const std::function<void()>& body) {
  const std::shared_lock beside(recordings());
  device_pool().keep(stream.steps_key());
  // Relaxed: a cache that has no block left asks the device for one, which the stricter modes
  // refuse here and in every other thread.
  OBVERSE_CUDA_CHECK(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeRelaxed));
  stream.recording_ = true;
  cudaGraph_t graph = nullptr;
  try {
    body();
  } catch (...) {
    stream.recording_ = false;
    static_cast<void>(cudaStreamEndCapture(native(stream), &graph));
    static_cast<void>(cudaGetLastError());
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
    throw;
  }
  stream.recording_ = false;
  OBVERSE_CUDA_CHECK(cudaStreamEndCapture(native(stream), &graph));
  cudaGraphExec_t ready = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&ready, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  OBVERSE_CUDA_CHECK(error);
  Graph result;
  result.handle_ = ready;
  return result;
}

void Graph::replay(Stream& stream) const {
  require(recorded(), "[graph] expected a graph that was recorded, got an empty one");
  OBVERSE_CUDA_CHECK(cudaGraphLaunch(static_cast<cudaGraphExec_t>(handle_), native(stream)));
}

}  // namespace obverse::kernels::cuda
