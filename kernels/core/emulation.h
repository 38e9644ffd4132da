// What a CUDA kernel needs where no CUDA compiler reads it: the host compiler builds the same .cu
// files against these functions, which tests/emulator/ defines. Nothing but ptx.cuh and launch.cuh
// calls them, and no program but the tests links them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

// CUDA's own words, so that a kernel is written as always.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

namespace obverse::kernels::emulation {

// Where in a kernel something was called. Functions that take one as their last argument let it
// default to the place of the call.
struct Site {
  const char* file = "";
  int line = 0;
  // As a default argument: the place of the call.
  static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

struct Index3 {
  unsigned x = 1, y = 1, z = 1;
};

// One kernel launch. Runs `body` once for every thread of every block before it returns. Throws
// KernelError (tests/emulator/emulator.h) where a thread does what a GPU must not be asked to do.
struct Launch {
  const char* kernel = "";
  Index3 grid, block;
  std::size_t shared_bytes = 0;
  bool ordered_blocks = false;
};
void run(const Launch& launch, const std::function<void()>& body);

// Gives `work` to the emulated stream of this handle (cuda::Stream::handle()).
void submit(void* stream, std::function<void()> work);

// The calling thread's place.
Index3 thread_index();
Index3 block_index();
Index3 block_size();
Index3 grid_size();

// The block's dynamic shared memory; `bytes` is what the caller is about to use of it.
void* shared_memory(std::size_t bytes, Site site);
// Told before every access, so that races, reads of what nobody wrote, and reads of what an
// asynchronous copy has yet to bring are seen.
void shared_read(const void* address, std::size_t bytes, Site site);
void shared_write(const void* address, std::size_t bytes, Site site);

void block_barrier(Site site);
void named_barrier(int id, int threads, Site site);
void warp_barrier(std::uint32_t mask, Site site);

// Every lane of `mask` calls this with the same operation, mask and site; the last to come calls
// `complete` once with all lanes' `deposit`s, null for lanes that the mask leaves out.
using Complete = void (*)(void* const (&deposits)[32]);
void warp_collective(const char* operation, std::uint32_t mask, void* deposit, Complete complete,
                     Site site);

// `bytes` from global memory, of which the first `valid_bytes` are read and the rest are zeros.
// The copy happens as late as a wait allows; until then its destination is poison.
void copy_async(void* shared, const void* global, std::size_t bytes, std::size_t valid_bytes,
                Site site);
void copy_async_commit();
void copy_async_wait(int groups_left);

// Ends the kernel with an error that names kernel, block, thread and `site`.
[[noreturn]] void fail(const char* reason, Site site);

}  // namespace obverse::kernels::emulation
