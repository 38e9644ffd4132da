#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/core/division.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"
#include "kernels/matmul/matmul_epilogue.cuh"
#include "kernels/matmul/matmul_finish.h"

namespace obverse::kernels::cuda {
namespace {

using namespace matrix_product;  // this file's own kernel

constexpr int kFinishThreads = 256;

template <typename T, typename Out, int count>
__global__ void __launch_bounds__(kFinishThreads, 6)
    add_parts(Epilogue<T, Out> x, Span<const float> parts, int parts_count) {
  const int matrix = block_index().z;
  const std::int64_t elements = static_cast<std::int64_t>(x.m) * x.n;
  const std::int64_t index =
      (static_cast<std::int64_t>(block_index().x) * kFinishThreads + thread_index().x) * count;
  if (index >= elements) return;
  float values[count] = {};
  for (int part = 0; part < parts_count; ++part) {
    add_values(values, parts,
               (static_cast<std::int64_t>(matrix) * parts_count + part) * elements + index);
  }
  finish(x, matrix, index, static_cast<int>(index % x.n), values);
}

}  // namespace

template <typename T, typename Out>
void matmul_finish(const Matmul<T, Out>& x, Span<const float> parts, int count, Stream& stream) {
  require_size("matmul_finish", "parts", x.batch * count * x.m * x.n, parts.size());
  const Epilogue<T, Out> epilogue = epilogue_of(x);
  constexpr int kVector = 16 / sizeof(T);
  const int neighbours = epilogue.aligned && is_aligned_16(parts, 0) ? kVector : 1;
  launch(stream,
         {.kernel = "matmul_finish",
          .grid = {static_cast<unsigned>(quotient_up(x.m * x.n, neighbours * kFinishThreads)), 1,
                   static_cast<unsigned>(x.batch)},
          .block = {kFinishThreads}},
         neighbours == 1 ? add_parts<T, Out, 1> : add_parts<T, Out, kVector>, epilogue, parts,
         count);
}

template void matmul_finish(const Matmul<float>&, Span<const float>, int, Stream&);
template void matmul_finish(const Matmul<bf16>&, Span<const float>, int, Stream&);
template void matmul_finish(const Matmul<bf16, float>&, Span<const float>, int, Stream&);

}  // namespace obverse::kernels::cuda
