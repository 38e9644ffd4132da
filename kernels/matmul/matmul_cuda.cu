// One block computes one tile of the product for one part of the depth (matmul_tensor.cuh,
// matmul_float.cuh). Where the depth is split, matmul_finish() adds the parts and ends in the same
// epilogue.
#include "kernels/core/device_memory.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/matmul_check.h"
#include "kernels/matmul/matmul_epilogue.cuh"
#include "kernels/matmul/matmul_finish.h"
#include "kernels/matmul/matmul_float.cuh"
#include "kernels/matmul/matmul_tensor.cuh"
#include "kernels/matmul/matmul_tiles.h"

namespace obverse::kernels::cuda {
namespace {

using namespace matrix_product;  // this file's own kernels

template <bool a_along_depth, bool b_along_depth, MatmulTile tile, typename T, typename Out>
void launch_tiles(const Product<T, Out>& x, int batch, Stream& stream) {
  const auto launch_kernel = [&]<typename Shape>(const char* name, Shape,
                                                 void (*kernel)(Product<T, Out>)) {
    launch(stream,
           {.kernel = name,
            .grid = {static_cast<unsigned>(x.tile_rows) * static_cast<unsigned>(x.tile_columns),
                     static_cast<unsigned>(x.splits), static_cast<unsigned>(batch)},
            .block = {Shape::kThreads},
            .shared_bytes = sizeof(typename Shape::Pipeline)},
           kernel, x);
  };
  if constexpr (sizeof(T) == 2) {
    using Shape = TensorTile<tile>;
    launch_kernel("matmul on tensor cores", Shape{},
                  x.a.aligned && x.b.aligned
                      ? multiply_on_tensor_cores<Shape, a_along_depth, b_along_depth, true, Out>
                      : multiply_on_tensor_cores<Shape, a_along_depth, b_along_depth, false, Out>);
  } else if constexpr (tile != MatmulTile::large) {
    using Shape = FloatTile<tile>;
    launch_kernel("matmul of floats", Shape{},
                  multiply_floats<Shape, a_along_depth, b_along_depth>);
  }
}

template <bool a_along_depth, bool b_along_depth, typename T, typename Out>
void launch_tiles(const Product<T, Out>& x, MatmulTile tile, int batch, Stream& stream) {
  switch (tile) {
    case MatmulTile::large:
      return launch_tiles<a_along_depth, b_along_depth, MatmulTile::large>(x, batch, stream);
    case MatmulTile::medium:
      return launch_tiles<a_along_depth, b_along_depth, MatmulTile::medium>(x, batch, stream);
    case MatmulTile::small:
      return launch_tiles<a_along_depth, b_along_depth, MatmulTile::small>(x, batch, stream);
  }
}

template <typename T, typename Out>
void launch_tiles(const Product<T, Out>& x, MatmulTile tile, int batch, Stream& stream) {
  if (x.a.along_depth) {
    x.b.along_depth ? launch_tiles<true, true>(x, tile, batch, stream)
                    : launch_tiles<true, false>(x, tile, batch, stream);
  } else {
    x.b.along_depth ? launch_tiles<false, true>(x, tile, batch, stream)
                    : launch_tiles<false, false>(x, tile, batch, stream);
  }
}

template <typename T>
Operand<T> operand(Span<const T> elements, bool along_depth, std::int64_t side, std::int64_t depth,
                   std::int64_t stride, std::int64_t batch) {
  const std::int64_t width = along_depth ? depth : side;
  const std::int64_t between = batch_stride(stride, side * depth);
  constexpr std::int64_t kVector = 16 / sizeof(T);
  return {.elements = elements,
          .along_depth = along_depth,
          .aligned = is_aligned_16(elements, 0) && width % kVector == 0 &&
                     (batch == 1 || between % kVector == 0),
          .row_stride = width,
          .batch_stride = between};
}

}  // namespace

template <typename T, typename Out>
void matmul(const Matmul<T, Out>& x, const MatmulTiles& tiles, Stream& stream) {
  check_matmul_on_cuda(x);
  require(sizeof(T) == 2 || tiles.tile != MatmulTile::large,
          "[matmul] expected a small or medium tile for float, got a large one");
  if (x.m == 0 || x.n == 0 || x.batch == 0) return;

  const MatmulTileShape shape = matmul_tile_shape(tiles.tile, sizeof(T));
  const std::int64_t tile_rows = quotient_up(x.m, shape.rows);
  const std::int64_t tile_columns = quotient_up(x.n, shape.columns);
  require(tile_rows * tile_columns <= kMostOnCuda, "[matmul] expected at most ", kMostOnCuda,
          " tiles of ", shape.rows, " x ", shape.columns, " on CUDA, got m = ", x.m, ", n = ", x.n);
  const std::int64_t depth_tiles = quotient_up(x.k, shape.depth);
  const int splits = useful_splits(depth_tiles, tiles.splits);
  DeviceArray<float> partial_sums;
  if (splits > 1) partial_sums = DeviceArray<float>(stream, x.batch * splits * x.m * x.n);
  const Product<T, Out> product{
      .m = static_cast<int>(x.m),
      .n = static_cast<int>(x.n),
      .k = static_cast<int>(x.k),
      .a = operand(x.a, !x.transpose_a, x.m, x.k, x.a_stride, x.batch),
      .b = operand(x.b, x.transpose_b, x.n, x.k, x.b_stride, x.batch),
      .epilogue = epilogue_of(x),
      .tile_rows = static_cast<int>(tile_rows),
      .tile_columns = static_cast<int>(tile_columns),
      .splits = splits,
      .depth_tiles = static_cast<int>(depth_tiles),
      .depth_tiles_of_part = static_cast<int>(depth_tiles_of_part(depth_tiles, splits)),
      .partial_sums = partial_sums.span()};
  launch_tiles(product, tiles.tile, static_cast<int>(x.batch), stream);
  if (splits > 1) matmul_finish(x, partial_sums.span(), splits, stream);
}

template <typename T, typename Out>
void matmul(const Matmul<T, Out>& x, Stream& stream) {
  const MatmulTiles tiles = choose_matmul_tiles({.m = x.m,
                                                 .n = x.n,
                                                 .k = x.k,
                                                 .batch = x.batch,
                                                 .multiprocessors = stream.multiprocessors(),
                                                 .element_bytes = sizeof(T)});
  matmul(x, tiles, stream);
}

template void matmul(const Matmul<float>&, const MatmulTiles&, Stream&);
template void matmul(const Matmul<bf16>&, const MatmulTiles&, Stream&);
template void matmul(const Matmul<bf16, float>&, const MatmulTiles&, Stream&);
template void matmul(const Matmul<float>&, Stream&);
template void matmul(const Matmul<bf16>&, Stream&);
template void matmul(const Matmul<bf16, float>&, Stream&);

}  // namespace obverse::kernels::cuda
