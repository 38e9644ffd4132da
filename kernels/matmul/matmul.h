// out = epilogue(a * b): matrix product of row-major operands, either of them read transposed, with
// an epilogue of bias, activation and residual, or accumulation into `out`; one product or a batch.
// CPU: panels of our own where the target has AVX-512 (float), otherwise OpenBLAS, and for a few
// rows of float dot products; threads take blocks of the output. CUDA: bf16 on tensor cores
// (mma.sync), float on the FMA units (no TF32); sums are kept in float. Deterministic for a given
// thread count, on CUDA for a given device.
#pragma once

#include <cstdint>

#include "kernels/core/activation_kind.h"
#include "kernels/core/span.h"

namespace obverse::kernels {

// The matrices of a batch follow one another without a gap.
inline constexpr std::int64_t kDenseBatch = -1;

// out = activation(a * b + bias) + residual, or out += a * b. Out may be wider than T: bf16
// operands whose product is kept in float, as sums of weight gradients are.
template <typename T, typename Out = T>
struct Matmul {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  Span<const T> a;           // [m, k], or [k, m] where transpose_a
  Span<const T> b;           // [k, n], or [n, k] where transpose_b
  Span<const T> bias;        // [n] or empty; one for the whole batch
  Span<const Out> residual;  // [m, n] or empty; may be `out` itself
  ActivationKind activation = ActivationKind::none;
  Span<Out> pre_activation;  // [m, n] or empty; saved for backward where there is an activation
  bool accumulate = false;   // out += a * b; REQUIRES: no bias, residual or activation
  Span<Out> out;             // [m, n]; never aliases a or b

  // A batch is so many products of the same sizes. The stride is the number of elements from one
  // matrix to the next; 0 reads one matrix for the whole batch. `residual` and `pre_activation` lie
  // as `out` does. A span ends with the last matrix: (batch - 1) * stride + m * k elements of `a`.
  // REQUIRES: batch >= 0; out_stride at least m * n or kDenseBatch, the others at least
  // kDenseBatch.
  std::int64_t batch = 1;
  std::int64_t a_stride = kDenseBatch, b_stride = kDenseBatch, out_stride = kDenseBatch;
};

namespace cpu {
template <typename T>
void matmul(const Matmul<T>& arguments);  // float, double
}  // namespace cpu

namespace cuda {
class Stream;
struct MatmulTiles;

// <float>, <bf16> and <bf16, float>. Asynchronous: inputs may be reused and outputs are ready once
// the stream is past the call. Partial sums of a split depth are taken from the stream's own
// allocator, which serves them from its cache, rather than from the caller, who would have to know
// how the product is cut before he could size them.
// REQUIRES: m, n and k at most 2^31 - 257; batch at most 65535.
template <typename T, typename Out = T>
void matmul(const Matmul<T, Out>& arguments, Stream& stream);

// With tiles of the caller's choice instead of choose_matmul_tiles() (matmul_tiles.h): for tests
// and for measuring that choice.
template <typename T, typename Out = T>
void matmul(const Matmul<T, Out>& arguments, const MatmulTiles& tiles, Stream& stream);

// The same with the product by cuBLAS, sums in float and without TF32 as well; defined where the
// build has cuBLAS, which OBVERSE_WITH_CUBLAS says. Bits may differ between versions of cuBLAS.
// From its first product on a stream keeps 32 MiB for cuBLAS. An epilogue is a pass of its own.
// REQUIRES: a stream's first product is not recorded (graph.h).
template <typename T, typename Out = T>
void matmul_cublas(const Matmul<T, Out>& arguments, Stream& stream);
}  // namespace cuda

}  // namespace obverse::kernels
