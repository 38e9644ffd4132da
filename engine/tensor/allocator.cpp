#include "engine/tensor/allocator.h"

#include <algorithm>
#include <iomanip>
#include <new>
#include <sstream>

namespace obverse::engine {

const char* name_of(MemoryCategory category) {
  static constexpr const char* kNames[] = {"weights", "gradients", "optimizer", "activations",
                                           "inputs"};
  return kNames[static_cast<int>(category)];
}

Block* Allocator::allocate(std::size_t bytes, MemoryCategory category) {
  const int size_class = Classes::of(bytes);
  if (size_class >= kSizeClasses) throw std::bad_alloc();
  const std::lock_guard lock(mutex_);
  int found = size_class;
  const int most =
      std::min(kSizeClasses - 1, std::max(size_class + kClassesAbove, Classes::of(kSmallBytes)));
  FreeBlocks& blocks = free_blocks(in_step_);
  while (found < most && blocks[found] == nullptr) ++found;
  Block* block = blocks[found];
  if (block != nullptr) {
    blocks[found] = block->next_free;
  } else {
    auto fresh = std::make_unique<Block>();
    fresh->bytes = Classes::class_bytes(size_class);
    try {
      fresh->memory = source_->take(fresh->bytes);
    } catch (...) {
      // Recorded graphs write to the steps' cached blocks: those stay.
      release(free_);
      fresh->memory = source_->take(fresh->bytes);
    }
    fresh->of_steps = in_step_;
    fresh->size_class = size_class;
    fresh->allocator = this;
    use_.reserved_bytes += static_cast<std::int64_t>(fresh->bytes);
    ++use_.system_allocations;
    block = fresh.release();
  }
#ifdef OBVERSE_CHECK_BOUNDS
  source_->poison(block->memory, block->bytes);
#endif
  block->next_free = nullptr;
  block->category = category;
  block->requested_bytes = bytes;
  const auto index = static_cast<std::size_t>(category);
  use_.current_bytes[index] += static_cast<std::int64_t>(bytes);
  use_.peak_bytes[index] = std::max(use_.peak_bytes[index], use_.current_bytes[index]);
  std::int64_t total = 0;
  for (const std::int64_t current : use_.current_bytes) total += current;
  use_.peak_total_bytes = std::max(use_.peak_total_bytes, total);
  return block;
}

void Allocator::free(Block* block) noexcept {
  const std::lock_guard lock(mutex_);
  use_.current_bytes[static_cast<std::size_t>(block->category)] -=
      static_cast<std::int64_t>(block->requested_bytes);
  Block*& first = free_blocks(block->of_steps)[block->size_class];
  block->next_free = first;
  first = block;
}

void Allocator::release(FreeBlocks& blocks) noexcept {
  for (Block*& first : blocks) {
    while (first != nullptr) {
      const std::unique_ptr<Block> owned(first);
      first = first->next_free;
      source_->give_back(owned->memory);
      use_.reserved_bytes -= static_cast<std::int64_t>(owned->bytes);
    }
  }
}

Allocator::~Allocator() {
  release(free_);
  release(free_of_steps_);
}

Allocator::StepMemory::StepMemory(Allocator& allocator) : allocator_(allocator) {
  const std::lock_guard lock(allocator_.mutex_);
  before_ = std::exchange(allocator_.in_step_, true);
}

Allocator::StepMemory::~StepMemory() {
  const std::lock_guard lock(allocator_.mutex_);
  allocator_.in_step_ = before_;
}

MemoryUse Allocator::use() const {
  const std::lock_guard lock(mutex_);
  return use_;
}

std::string describe(const MemoryUse& use) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1);
  for (int i = 0; i < kMemoryCategoryCount; ++i) {
    text << std::setw(12) << name_of(static_cast<MemoryCategory>(i)) << std::setw(10)
         << static_cast<double>(use.peak_bytes[i]) / 1048576.0 << " MiB\n";
  }
  text << std::setw(12) << "peak" << std::setw(10)
       << static_cast<double>(use.peak_total_bytes) / 1048576.0 << " MiB (reserved "
       << static_cast<double>(use.reserved_bytes) / 1048576.0 << " MiB in "
       << use.system_allocations << " allocations)\n";
  return text.str();
}

}  // namespace obverse::engine
