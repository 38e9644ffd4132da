// Keeps freed blocks of device memory and hands them out again, so that a step no larger than an
// earlier one asks the device for nothing. A block returns to the stream that it was used on and is
// free for later work of that stream at once: the stream's order keeps old and new uses apart.
// Only the policy; where memory comes from is the Source's. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "kernels/core/device_memory.h"
#include "kernels/core/size_classes.h"

namespace obverse::kernels::cuda {

class CachingPool {
 public:
  struct Source {
    std::function<void*(std::size_t bytes)> take;  // null where there is too little
    // Called for cached blocks of any stream, so that it has to wait for what still uses them.
    // Must not throw.
    std::function<void(void* data)> give_back;
  };

  // One piece of memory; belongs to the pool.
  struct Block {
    void* data = nullptr;
    std::size_t bytes = 0;            // of its size class
    std::size_t requested_bytes = 0;  // by who has it now
    int size_class = 0;
    const void* stream = nullptr;
    Block* next_free = nullptr;
  };

  explicit CachingPool(Source source) : source_(std::move(source)) {}
  CachingPool(const CachingPool&) = delete;
  CachingPool& operator=(const CachingPool&) = delete;
  // REQUIRES: all blocks have been freed.
  ~CachingPool();

  // A block of at least `bytes` for work on `stream`; null where the source has too little even
  // after all cached blocks went back to it.
  Block* allocate(const void* stream, std::size_t bytes);
  // Takes null, too.
  void free(Block* block) noexcept;
  // `stream`'s work is done and no more follows: its cached blocks serve any stream from now on,
  // and so do those that it still has in use, once freed.
  void forget(const void* stream) noexcept;
  void release_cached() noexcept;
  // From now on the stream's cached blocks go back to nobody, however little there is, until it is
  // forgotten: recorded graphs write to them again.
  void keep(const void* stream);

  DeviceMemoryStatistics statistics() const;

  // Classes are an eighth of a power of two apart, so that at most an eighth of a block is unused.
  static constexpr std::size_t kAlignment = 256;
  using Classes = SizeClasses<8, kAlignment>;
  static constexpr int kSizeClasses = 8 * 40;  // up to 256 TiB
  static int size_class_of(std::size_t bytes);
  static std::size_t class_bytes(int size_class) { return Classes::class_bytes(size_class); }

 private:
  // A cached block of up to twice the size, or of up to 1 MiB, serves too: batches of shorter texts
  // live in the memory of longer ones.
  static constexpr int kClassesAbove = 8;
  static constexpr std::size_t kSmallBytes = 1024 * 1024;
  using FreeBlocks = std::array<Block*, kSizeClasses>;

  static Block* pop(FreeBlocks& blocks, int size_class);
  static void push(FreeBlocks& blocks, Block* block);
  Block* take(int size_class);
  void release(FreeBlocks& blocks) noexcept;
  void release_all() noexcept;

  const Source source_;
  mutable std::mutex mutex_;
  std::map<const void*, FreeBlocks> of_stream_;
  std::set<const void*> kept_;
  FreeBlocks of_no_stream_{};
  DeviceMemoryStatistics statistics_;
};

}  // namespace obverse::kernels::cuda
