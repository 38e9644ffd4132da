// What matmul_cublas() asks of cuBLAS and what it does around it, as plain values, so that the
// mapping of row-major products onto the library's column-major ones is tested without a GPU.
#pragma once

#include <cstdint>
#include <ostream>
#include <type_traits>

#include "kernels/matmul/matmul.h"
#include "kernels/matmul/matmul_check.h"

namespace obverse::kernels::cuda {

// cublasGemmStridedBatchedEx's arguments by its own names, A being our b and B our a:
// C = op(A) * op(B) + beta * C. A matrix counts down its columns, which are `ld` elements apart.
struct CublasCall {
  bool transpose_a = false, transpose_b = false;
  int m = 0, n = 0, k = 0;
  int lda = 1, ldb = 1, ldc = 1;
  std::int64_t stride_a = 0, stride_b = 0, stride_c = 0;
  int batch = 1;
  float beta = 0.0f;
};

inline std::ostream& operator<<(std::ostream& out, const CublasCall& x) {
  return out << "op " << (x.transpose_a ? 'T' : 'N') << (x.transpose_b ? 'T' : 'N') << " m " << x.m
             << " n " << x.n << " k " << x.k << " lda " << x.lda << " ldb " << x.ldb << " ldc "
             << x.ldc << " strides " << x.stride_a << " " << x.stride_b << " " << x.stride_c
             << " batch " << x.batch << " beta " << x.beta;
}

// How a product is divided between the library and ourselves.
struct CublasPlan {
  bool copies_residual = false;  // to `out`, for the library to add the product to
  bool to_scratch = false;       // C is floats [batch, m, n] of our own, else `out`
  bool finishes = false;         // matmul_finish() makes `out` of C
  CublasCall call;
};

// REQUIRES: check_matmul_on_cuda(x) passes; m, n, k and batch above 0, since the library takes no
// leading dimension of 0.
template <typename T, typename Out>
CublasPlan cublas_plan_for(const Matmul<T, Out>& x) {
  const std::int64_t elements = x.m * x.n;
  const std::int64_t out_stride = batch_stride(x.out_stride, elements);
  const bool dense = x.batch == 1 || out_stride == elements;
  const bool residual_in_place = !x.residual.empty() && x.residual.data() == x.out.data();
  CublasPlan plan;
  bool adds = x.accumulate;
  if (!x.bias.empty() || x.activation != ActivationKind::none) {
    plan.finishes = true;
  } else if (!x.residual.empty()) {
    adds = dense || residual_in_place;  // what lies between matrices must not be copied over
    plan.copies_residual = adds && !residual_in_place;
    plan.finishes = !adds;
  }
  // An epilogue is given unrounded sums, as our own kernels' is: where `out` holds less than
  // floats, they are written and read on the way, eight bytes an element.
  if (plan.finishes) {
    plan.to_scratch = !std::is_same_v<Out, float> || residual_in_place || !dense;
  }
  // A row-major matrix is its transpose to the library, so that the transposed product, our b
  // first, leaves `out` row-major.
  plan.call = {.transpose_a = x.transpose_b,
               .transpose_b = x.transpose_a,
               .m = static_cast<int>(x.n),
               .n = static_cast<int>(x.m),
               .k = static_cast<int>(x.k),
               .lda = static_cast<int>(x.transpose_b ? x.k : x.n),
               .ldb = static_cast<int>(x.transpose_a ? x.m : x.k),
               .ldc = static_cast<int>(x.n),
               .stride_a = batch_stride(x.b_stride, x.k * x.n),
               .stride_b = batch_stride(x.a_stride, x.m * x.k),
               .stride_c = plan.to_scratch ? elements : out_stride,
               .batch = static_cast<int>(x.batch),
               .beta = adds ? 1.0f : 0.0f};
  return plan;
}

}  // namespace obverse::kernels::cuda
