// Blocks of a reader, worked on by several threads and handed on in their order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tokenizer/text_blocks.h"

namespace obverse::tokenizer {

// Calls work(thread number, block) on `threads` threads, and deliver(result) in the order of the
// blocks, one call at a time. Blocks that are read and not delivered are a few a thread, so that
// memory does not grow with the text. Where a call throws, the exception of the first block of all
// that threw is thrown here, after the results of those before it were delivered.
// REQUIRES: threads >= 1.
template <typename Result, typename Work, typename Deliver>
class ParallelBlocks {
 public:
  ParallelBlocks(BlockReader& reader, int threads, Work work, Deliver deliver)
      : reader_(reader),
        work_(std::move(work)),
        deliver_(std::move(deliver)),
        most_ahead_(4 * static_cast<std::size_t>(threads)) {
    std::vector<std::thread> others;
    try {
      for (int thread = 1; thread < threads; ++thread) {
        others.emplace_back([this, thread] { run(thread); });
      }
    } catch (const std::system_error&) {
      // A system that allows no more threads has fewer do the work.
    }
    run(0);
    for (std::thread& other : others) other.join();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void run(int thread) {
    Block block;
    std::size_t number = 0;
    while (take(block, number)) {
      try {
        Result result = work_(thread, block);
        hand_on(number, std::move(result));
      } catch (...) {
        fail(number);
      }
    }
  }

  bool take(Block& block, std::size_t& number) {
    std::unique_lock lock(mutex_);
    // The block that all wait for is worked on by a thread that does not wait here.
    room_.wait(lock, [this] { return stopped() || taken_ < delivered_ + most_ahead_; });
    if (stopped()) return false;
    number = taken_;
    try {
      if (reader_.next(block)) {
        ++taken_;
        return true;
      }
    } catch (...) {
      keep_error(number);
    }
    ended_ = true;
    room_.notify_all();
    return false;
  }

  void hand_on(std::size_t number, Result result) {
    std::unique_lock lock(mutex_);
    results_.emplace(number, std::move(result));
    if (delivering_) return;
    delivering_ = true;
    while (!results_.empty() && results_.begin()->first == delivered_ &&
           (!error_ || delivered_ < error_block_)) {
      Result next = std::move(results_.begin()->second);
      results_.erase(results_.begin());
      lock.unlock();
      try {
        deliver_(std::move(next));
      } catch (...) {
        lock.lock();
        keep_error(delivered_);
        break;
      }
      lock.lock();
      ++delivered_;
      room_.notify_all();
    }
    delivering_ = false;
  }

  void fail(std::size_t number) {
    const std::lock_guard lock(mutex_);
    keep_error(number);
  }

  void keep_error(std::size_t number) {
    if (error_ && error_block_ <= number) return;
    error_ = std::current_exception();
    error_block_ = number;
    room_.notify_all();
  }

  bool stopped() const { return ended_ || error_ != nullptr; }

  BlockReader& reader_;
  Work work_;
  Deliver deliver_;
  std::size_t most_ahead_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::map<std::size_t, Result> results_;  // that wait for those before them
  std::size_t taken_ = 0, delivered_ = 0;
  bool ended_ = false, delivering_ = false;
  std::exception_ptr error_;
  std::size_t error_block_ = 0;
};

template <typename Result, typename Work, typename Deliver>
void parallel_blocks(BlockReader& reader, int threads, Work work, Deliver deliver) {
  ParallelBlocks<Result, Work, Deliver>(reader, threads, std::move(work), std::move(deliver));
}

}  // namespace obverse::tokenizer
