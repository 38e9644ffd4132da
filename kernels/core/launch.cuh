// The one way to start a kernel, on a GPU or emulated, and a block's shared memory as one struct.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/core/ptx.cuh"
#include "kernels/core/stream.h"

#ifdef __CUDACC__
#include "kernels/core/cuda_check.h"
#endif

namespace obverse::kernels::cuda {

struct Extent {
  unsigned x = 1, y = 1, z = 1;
};

struct LaunchShape {
  const char* kernel = "";  // for messages
  Extent grid, block;
  std::size_t shared_bytes = 0;
  // True where blocks wait for one another: the emulator then runs them one by one in order.
  bool ordered_blocks = false;
};

// Starts `kernel` on `stream`; arguments are converted to the kernel's own parameter types and
// copied before this returns. A grid without blocks starts nothing. Throws std::runtime_error with
// the kernel's name where CUDA refuses the launch.
template <typename... Parameters, typename... Arguments>
void launch(Stream& stream, const LaunchShape& shape, void (*kernel)(Parameters...),
            Arguments&&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments));
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  std::tuple<std::remove_cv_t<Parameters>...> values(std::forward<Arguments>(arguments)...);
#ifdef __CUDACC__
  // What a block may use without asking for more.
  constexpr std::size_t kGrantedBytes = 48 * 1024;
  if (shape.shared_bytes > kGrantedBytes) {
    check_launch(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                      cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      static_cast<int>(shape.shared_bytes)),
                 shape.kernel);
  }
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)..., nullptr};
        check_launch(cudaLaunchKernel(reinterpret_cast<const void*>(kernel),
                                      dim3(shape.grid.x, shape.grid.y, shape.grid.z),
                                      dim3(shape.block.x, shape.block.y, shape.block.z), pointers,
                                      shape.shared_bytes, native(stream)),
                     shape.kernel);
      },
      values);
#else
  const emulation::Launch emulated{.kernel = shape.kernel,
                                   .grid = {shape.grid.x, shape.grid.y, shape.grid.z},
                                   .block = {shape.block.x, shape.block.y, shape.block.z},
                                   .shared_bytes = shape.shared_bytes,
                                   .ordered_blocks = shape.ordered_blocks};
  emulation::submit(stream.handle(), [emulated, kernel, values] {
    emulation::run(emulated, [&] { std::apply(kernel, values); });
  });
#endif
}

// The launched block's dynamic shared memory, which holds one `Layout` at its start. The launch
// must have asked for at least sizeof(Layout) bytes. REQUIRES: Layout is made of SharedArrays
// (ptx.cuh).
template <typename Layout>
__device__ __forceinline__ Layout& shared_memory(OBVERSE_SITE) {
  static_assert(alignof(Layout) <= 128);
#ifdef __CUDACC__
  // A comment in the PTX, from which the build's table of resources learns what a launch asks for.
  asm volatile("// shared_memory %0 bytes" ::"n"(sizeof(Layout)));
  extern __shared__ __align__(128) unsigned char bytes[];
  return *reinterpret_cast<Layout*>(bytes);
#else
  return *static_cast<Layout*>(emulation::shared_memory(sizeof(Layout), site));
#endif
}

}  // namespace obverse::kernels::cuda
