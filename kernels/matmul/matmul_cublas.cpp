#include <cublas_v2.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/core/bf16.h"
#include "kernels/core/check.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/graph.h"
#include "kernels/core/stream.h"
#include "kernels/matmul/cublas_call.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/matmul_check.h"
#include "kernels/matmul/matmul_finish.h"

namespace obverse::kernels::cuda {
namespace {

// What NVIDIA recommends for Hopper; with less, cuBLAS passes over some of its kernels.
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

void check(cublasStatus_t status, const std::string& call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw std::runtime_error("[matmul] " + call + ": " + cublasGetStatusString(status));
}

// Handles of streams that are gone serve streams to come: cublasDestroy waits for the whole device,
// which fails, and spoils the graph, while another thread records one. Thread-safe.
class Handles {
 public:
  cublasHandle_t take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        const cublasHandle_t handle = free_.back();
        free_.pop_back();
        return handle;
      }
    }
    const std::lock_guard alone(recordings());
    cublasHandle_t handle = nullptr;
    check(cublasCreate(&handle), "cublasCreate");
    // Of a split depth's sums, too, none is rounded to bf16. TF32 is off until it is asked for.
    check(cublasSetMathMode(
              handle, static_cast<cublasMath_t>(
                          static_cast<int>(CUBLAS_DEFAULT_MATH) |
                          static_cast<int>(CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION))),
          "cublasSetMathMode");
    return handle;
  }
  void give_back(cublasHandle_t handle) {
    const std::lock_guard alone(recordings());
    static_cast<void>(cublasSetStream(handle, nullptr));  // and forgets the workspace
    const std::lock_guard lock(mutex_);
    free_.push_back(handle);
  }

 private:
  std::mutex mutex_;
  std::vector<cublasHandle_t> free_;
};

// Never destroyed: streams of static storage give theirs back after any destructor could have run.
Handles& handles() {
  static auto* const kHandles = new Handles;
  return *kHandles;
}

class BorrowedHandle {
 public:
  BorrowedHandle() : handle_(handles().take()) {}
  ~BorrowedHandle() { handles().give_back(handle_); }
  BorrowedHandle(const BorrowedHandle&) = delete;
  BorrowedHandle& operator=(const BorrowedHandle&) = delete;
  cublasHandle_t get() const { return handle_; }

 private:
  cublasHandle_t handle_;
};

// A stream's own. Without a workspace that is given to it, cuBLAS has every recorded graph allocate
// one.
struct CublasOfStream {
  BorrowedHandle handle;
  DeviceMemory workspace;

  explicit CublasOfStream(Stream& stream) : workspace(stream, kWorkspaceBytes) {
    // In this order: a change of streams takes the workspace away.
    check(cublasSetStream(handle.get(), static_cast<cudaStream_t>(stream.handle())),
          "cublasSetStream");
    check(cublasSetWorkspace(handle.get(), workspace.data(), workspace.bytes()),
          "cublasSetWorkspace");
  }
};

cublasHandle_t handle_of(Stream& stream) {
  std::shared_ptr<void>& of_stream = stream.library();
  if (of_stream == nullptr) {
    // Memory of recordings is written by their replays, and cuBLAS may keep what it has there.
    require(!stream.recording(),
            "[matmul] expected cuBLAS's first product on a stream outside of a recording");
    of_stream = std::make_shared<CublasOfStream>(stream);
  }
  return static_cast<CublasOfStream*>(of_stream.get())->handle.get();
}

template <typename T>
inline constexpr cudaDataType_t kDataType = std::is_same_v<T, bf16> ? CUDA_R_16BF : CUDA_R_32F;

template <typename T, typename C>
void call_cublas(const CublasCall& x, const T* a, const T* b, C* c, Stream& stream) {
  const float one = 1.0f;  // read before the call returns, as beta is
  const cublasOperation_t a_as = x.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t b_as = x.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasHandle_t handle = handle_of(stream);
  // A single product may be split by its depth; of those of a batch cuBLAS splits fewer.
  const cublasStatus_t status =
      x.batch == 1 ? cublasGemmEx(handle, a_as, b_as, x.m, x.n, x.k, &one, a, kDataType<T>, x.lda,
                                  b, kDataType<T>, x.ldb, &x.beta, c, kDataType<C>, x.ldc,
                                  CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT)
                   : cublasGemmStridedBatchedEx(
                         handle, a_as, b_as, x.m, x.n, x.k, &one, a, kDataType<T>, x.lda,
                         x.stride_a, b, kDataType<T>, x.ldb, x.stride_b, &x.beta, c, kDataType<C>,
                         x.ldc, x.stride_c, x.batch, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
  if (status == CUBLAS_STATUS_SUCCESS) return;
  std::ostringstream call;
  call << "cuBLAS's product (" << x << ")";
  check(status, call.str());
}

}  // namespace

template <typename T, typename Out>
void matmul_cublas(const Matmul<T, Out>& x, Stream& stream) {
  check_matmul_on_cuda(x);
  if (x.m == 0 || x.n == 0 || x.batch == 0) return;
  if (x.k == 0) return matmul_finish(x, {}, 0, stream);
  const CublasPlan plan = cublas_plan_for(x);
  if (plan.copies_residual) {
    copy_on_device(stream, x.out.data(), x.residual.data(),
                   static_cast<std::size_t>(x.out.size()) * sizeof(Out));
  }
  DeviceArray<float> scratch;
  Span<const float> sums;
  if (plan.to_scratch) {
    scratch = DeviceArray<float>(stream, x.batch * x.m * x.n);
    sums = scratch.span();
    call_cublas(plan.call, x.b.data(), x.a.data(), scratch.span().data(), stream);
  } else {
    if constexpr (std::is_same_v<Out, float>) sums = x.out;
    call_cublas(plan.call, x.b.data(), x.a.data(), x.out.data(), stream);
  }
  if (plan.finishes) matmul_finish(x, sums, 1, stream);
}

template void matmul_cublas(const Matmul<float>&, Stream&);
template void matmul_cublas(const Matmul<bf16>&, Stream&);
template void matmul_cublas(const Matmul<bf16, float>&, Stream&);

}  // namespace obverse::kernels::cuda
