// cuBLAS on the shapes of the project's own matmul: the yardstick beside it.
#pragma once

#include "kernels/core/bf16.h"
#include "kernels/core/stream.h"
#include "kernels/matmul/matmul.h"

namespace obverse::bench {

class Cublas {
 public:
  explicit Cublas(kernels::cuda::Stream& stream);
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  // out = a * b with sums in float, asynchronously. REQUIRES: one product, no epilogue.
  void multiply(const kernels::Matmul<kernels::bf16>& x);

 private:
  void* handle_ = nullptr;
};

}  // namespace obverse::bench
