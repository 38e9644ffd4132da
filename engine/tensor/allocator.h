// A caching allocator: freed blocks are kept by size and handed out again, so that a training step
// no larger than an earlier one asks the system for nothing. Thread-safe. One belongs to each
// Device and its copies; it must outlive its blocks, which a Tensor sees to by holding its device.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "engine/tensor/memory_source.h"
#include "kernels/core/size_classes.h"

namespace obverse::engine {

// What memory is for, in the table that a training run prints.
enum class MemoryCategory { weights, gradients, optimizer, activations, inputs };
inline constexpr int kMemoryCategoryCount = 5;
const char* name_of(MemoryCategory category);

struct MemoryUse {
  std::array<std::int64_t, kMemoryCategoryCount> current_bytes{};  // handed out now
  std::array<std::int64_t, kMemoryCategoryCount> peak_bytes{};     // each category's own maximum
  std::int64_t peak_total_bytes = 0;                               // most handed out at one time
  std::int64_t reserved_bytes = 0;      // taken from the system, handed out or cached
  std::int64_t system_allocations = 0;  // how often the system was asked
};

class Allocator;

// One piece of memory, counted by its handles.
struct Block {
  std::byte* memory = nullptr;
  std::size_t bytes = 0;
  int size_class = 0;
  MemoryCategory category = MemoryCategory::activations;
  bool of_steps = false;
  std::size_t requested_bytes = 0;
  std::atomic<int> handles{0};
  Allocator* allocator = nullptr;
  Block* next_free = nullptr;
};

class Allocator {
 public:
  explicit Allocator(std::unique_ptr<MemorySource> source = host_memory())
      : source_(std::move(source)) {}
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;
  virtual ~Allocator();

  // A block of at least `bytes`, aligned to 64 bytes; contents undefined (NaN bits where bounds are
  // checked, so that a read before a write is seen). The handle count is 0. Throws what the source
  // throws, once all cached blocks went back to it.
  Block* allocate(std::size_t bytes, MemoryCategory category);
  void free(Block* block) noexcept;

  MemoryUse use() const;

  // While one lives, blocks come from and go back to a cache of their own. A CUDA graph writes to
  // the addresses of its recording at every replay: steps, recorded or not, share this memory, and
  // nothing that outlives a step is ever put there. Not for two threads at a time.
  class StepMemory {
   public:
    explicit StepMemory(Allocator& allocator);
    ~StepMemory();
    StepMemory(const StepMemory&) = delete;
    StepMemory& operator=(const StepMemory&) = delete;

   private:
    Allocator& allocator_;
    bool before_;
  };

 private:
  static constexpr std::size_t kAlignment = 64;
  // Classes are a quarter of a power of two apart: at most 25 % of a block is unused.
  using Classes = kernels::SizeClasses<4, kAlignment>;
  static constexpr int kSizeClasses = 4 * 48;
  // A free block of up to 16 times the size, or of 1 MiB, serves too, so that batches of shorter
  // texts live in the memory of longer ones; small tensors leave the largest blocks alone.
  static constexpr int kClassesAbove = 4 * 4;
  static constexpr std::size_t kSmallBytes = 1024 * 1024;

  using FreeBlocks = std::array<Block*, kSizeClasses>;
  FreeBlocks& free_blocks(bool of_steps) { return of_steps ? free_of_steps_ : free_; }
  void release(FreeBlocks& blocks) noexcept;

  const std::unique_ptr<MemorySource> source_;
  mutable std::mutex mutex_;
  bool in_step_ = false;
  FreeBlocks free_{}, free_of_steps_{};
  MemoryUse use_;
};

// A table of `use`, a line a category, for a terminal.
std::string describe(const MemoryUse& use);

// Shares a block; the last handle gives it back.
class BlockHandle {
 public:
  BlockHandle() = default;
  explicit BlockHandle(Block* block) : block_(block) {
    if (block_ != nullptr) block_->handles.fetch_add(1, std::memory_order_relaxed);
  }
  BlockHandle(const BlockHandle& other) : BlockHandle(other.block_) {}
  BlockHandle(BlockHandle&& other) noexcept : block_(other.block_) { other.block_ = nullptr; }
  BlockHandle& operator=(BlockHandle other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockHandle() {
    if (block_ != nullptr && block_->handles.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      block_->allocator->free(block_);
    }
  }

  Block* get() const { return block_; }
  bool unique() const { return block_ != nullptr && block_->handles.load() == 1; }

 private:
  Block* block_ = nullptr;
};

}  // namespace obverse::engine
