#include "kernels/core/caching_pool.h"

#include <algorithm>

namespace obverse::kernels::cuda {

int CachingPool::size_class_of(std::size_t bytes) {
  return bytes > class_bytes(kSizeClasses - 1) ? kSizeClasses : Classes::of(bytes);
}

CachingPool::~CachingPool() {
  kept_.clear();
  release_all();
}

CachingPool::Block* CachingPool::pop(FreeBlocks& blocks, int size_class) {
  Block* block = blocks[static_cast<std::size_t>(size_class)];
  if (block != nullptr) blocks[static_cast<std::size_t>(size_class)] = block->next_free;
  return block;
}

void CachingPool::push(FreeBlocks& blocks, Block* block) {
  Block*& first = blocks[static_cast<std::size_t>(block->size_class)];
  block->next_free = first;
  first = block;
}

CachingPool::Block* CachingPool::take(int size_class) {
  auto block = std::make_unique<Block>();
  block->bytes = class_bytes(size_class);
  block->size_class = size_class;
  block->data = source_.take(block->bytes);
  ++statistics_.allocations;
  if (block->data == nullptr) return nullptr;
  statistics_.reserved_bytes += static_cast<std::int64_t>(block->bytes);
  return block.release();
}

CachingPool::Block* CachingPool::allocate(const void* stream, std::size_t bytes) {
  const int size_class = size_class_of(bytes);
  if (size_class >= kSizeClasses) return nullptr;
  const std::lock_guard lock(mutex_);
  FreeBlocks& own = of_stream_[stream];
  const int last =
      std::min(kSizeClasses - 1, std::max(size_class + kClassesAbove, size_class_of(kSmallBytes)));
  Block* block = nullptr;
  for (int found = size_class; block == nullptr && found <= last; ++found) {
    block = pop(own, found);
    if (block == nullptr) block = pop(of_no_stream_, found);
  }
  if (block == nullptr) block = take(size_class);
  if (block == nullptr) {
    release_all();
    block = take(size_class);
  }
  if (block == nullptr) return nullptr;
  block->next_free = nullptr;
  block->stream = stream;
  block->requested_bytes = bytes;
  statistics_.in_use_bytes += static_cast<std::int64_t>(bytes);
  statistics_.peak_bytes = std::max(statistics_.peak_bytes, statistics_.in_use_bytes);
  return block;
}

void CachingPool::free(Block* block) noexcept {
  if (block == nullptr) return;
  const std::lock_guard lock(mutex_);
  statistics_.in_use_bytes -= static_cast<std::int64_t>(block->requested_bytes);
  const auto own = of_stream_.find(block->stream);
  push(own == of_stream_.end() ? of_no_stream_ : own->second, block);
}

void CachingPool::keep(const void* stream) {
  const std::lock_guard lock(mutex_);
  kept_.insert(stream);
}

void CachingPool::forget(const void* stream) noexcept {
  const std::lock_guard lock(mutex_);
  kept_.erase(stream);
  const auto own = of_stream_.find(stream);
  if (own == of_stream_.end()) return;
  for (int size_class = 0; size_class < kSizeClasses; ++size_class) {
    while (Block* block = pop(own->second, size_class)) push(of_no_stream_, block);
  }
  of_stream_.erase(own);
}

void CachingPool::release(FreeBlocks& blocks) noexcept {
  for (int size_class = 0; size_class < kSizeClasses; ++size_class) {
    while (Block* block = pop(blocks, size_class)) {
      const std::unique_ptr<Block> owned(block);
      source_.give_back(block->data);
      statistics_.reserved_bytes -= static_cast<std::int64_t>(block->bytes);
    }
  }
}

void CachingPool::release_all() noexcept {
  for (auto& [stream, blocks] : of_stream_) {
    if (kept_.count(stream) == 0) release(blocks);
  }
  release(of_no_stream_);
}

void CachingPool::release_cached() noexcept {
  const std::lock_guard lock(mutex_);
  release_all();
}

DeviceMemoryStatistics CachingPool::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

}  // namespace obverse::kernels::cuda
