#include "bench/cuda/cublas.h"

#include <cublas_v2.h>

#include <stdexcept>
#include <string>

#include "kernels/core/check.h"

namespace obverse::bench {
namespace {

void check(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw std::runtime_error(std::string(call) + ": " + cublasGetStatusString(status));
}

}  // namespace

Cublas::Cublas(kernels::cuda::Stream& stream) {
  cublasHandle_t handle = nullptr;
  check(cublasCreate(&handle), "cublasCreate");
  handle_ = handle;
  check(cublasSetStream(handle, static_cast<cudaStream_t>(stream.handle())), "cublasSetStream");
}

Cublas::~Cublas() { cublasDestroy(static_cast<cublasHandle_t>(handle_)); }

void Cublas::multiply(const kernels::Matmul<kernels::bf16>& x) {
  kernels::require(x.batch == 1 && x.bias.empty() && x.residual.empty() && !x.accumulate,
                   "[cublas] expected one product without an epilogue");
  // cuBLAS counts down columns: what is row-major here is the transpose there, so that the
  // transposed product, b first, leaves `out` row-major.
  const float one = 1.0f, zero = 0.0f;
  const auto m = static_cast<int>(x.m), n = static_cast<int>(x.n), k = static_cast<int>(x.k);
  check(cublasGemmEx(
            static_cast<cublasHandle_t>(handle_), x.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
            x.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, n, m, k, &one, x.b.data(), CUDA_R_16BF,
            x.transpose_b ? k : n, x.a.data(), CUDA_R_16BF, x.transpose_a ? m : k, &zero,
            x.out.data(), CUDA_R_16BF, n, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
        "cublasGemmEx");
}

}  // namespace obverse::bench
