// Launches: blocks spread over the host's cores, and the functions that kernels call.
#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/core/random.h"
#include "tests/emulator/block.h"

namespace obverse::emulation {
namespace {

Schedule schedule_of_launches;

std::string in_words(const Index3& index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " +
         std::to_string(index.z) + ")";
}

void check(const Launch& launch) {
  const Index3& block = launch.block;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  const auto refuse = [&](const std::string& reason) {
    throw KernelError(launch.kernel, {0, 0, 0}, {0, 0, 0}, reason);
  };
  if (threads == 0 || threads > 1024) {
    refuse("a block has 1 to 1024 threads, got " + std::to_string(threads));
  }
  if (launch.grid.y > 65535 || launch.grid.z > 65535) {
    refuse("a grid has at most 65535 blocks in y and z, got " + in_words(launch.grid));
  }
  if (launch.shared_bytes > kMostSharedBytes) {
    refuse("a block has at most " + std::to_string(kMostSharedBytes) +
           " bytes of shared memory, got " + std::to_string(launch.shared_bytes));
  }
}

std::vector<std::int64_t> block_order(std::int64_t count, const Launch& launch,
                                      const Schedule& schedule) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  if (launch.ordered_blocks) return order;
  if (schedule.order == Schedule::Order::reverse) {
    std::reverse(order.begin(), order.end());
  } else if (schedule.order == Schedule::Order::random) {
    kernels::RandomSequence random({.seed = schedule.seed, .purpose = kernels::Purpose::test});
    random.shuffle(order);
  }
  return order;
}

}  // namespace

KernelError::KernelError(const std::string& kernel, const Index3& block, const Index3& thread,
                         const std::string& reason)
    : std::runtime_error("[" + kernel + "] block " + in_words(block) + ", thread " +
                         in_words(thread) + ": " + reason),
      kernel_(kernel),
      block_(block),
      thread_(thread),
      reason_(reason) {}

WithSchedule::WithSchedule(const Schedule& schedule)
    : before_(std::exchange(schedule_of_launches, schedule)) {}
WithSchedule::~WithSchedule() { schedule_of_launches = before_; }
Schedule current_schedule() { return schedule_of_launches; }

}  // namespace obverse::emulation

// What kernels/core/emulation.h declares.
namespace obverse::kernels::emulation {

using obverse::emulation::Block;

void run(const Launch& launch, const std::function<void()>& body) {
  obverse::emulation::check(launch);
  const obverse::emulation::DeviceAccess access;
  const std::int64_t count = std::int64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  const obverse::emulation::Schedule schedule = obverse::emulation::current_schedule();
  const std::vector<std::int64_t> order = obverse::emulation::block_order(count, launch, schedule);
  std::atomic<std::size_t> next{0};
  std::exception_ptr problem;
  std::mutex problem_mutex;
#pragma omp parallel if (count > 1 && !launch.ordered_blocks)
  {
    // Stacks and shared memory outlive the launch.
    thread_local Block block;
    for (std::size_t i = next++; i < order.size(); i = next++) {
      const auto number = static_cast<std::uint64_t>(order[i]);
      const Index3 index{static_cast<unsigned>(number % launch.grid.x),
                         static_cast<unsigned>(number / launch.grid.x % launch.grid.y),
                         static_cast<unsigned>(number / launch.grid.x / launch.grid.y)};
      try {
        block.run(launch, index, schedule, body);
      } catch (...) {
        next = order.size();  // the others finish the block that they are at
        const std::lock_guard<std::mutex> lock(problem_mutex);
        if (!problem) problem = std::current_exception();
      }
    }
  }
  if (problem) std::rethrow_exception(problem);
}

Index3 thread_index() { return Block::current()->thread_index(); }
Index3 block_index() { return Block::current()->index(); }
Index3 block_size() { return Block::current()->launch().block; }
Index3 grid_size() { return Block::current()->launch().grid; }

void* shared_memory(std::size_t bytes, Site site) {
  return Block::current()->shared_memory(bytes, site);
}
void shared_read(const void* address, std::size_t bytes, Site site) {
  Block::current()->shared_read(address, bytes, site);
}
void shared_write(const void* address, std::size_t bytes, Site site) {
  Block::current()->shared_write(address, bytes, site);
}
void block_barrier(Site site) { Block::current()->barrier(0, 0, site); }
void named_barrier(int id, int threads, Site site) { Block::current()->barrier(id, threads, site); }
void warp_barrier(std::uint32_t mask, Site site) { Block::current()->warp_barrier(mask, site); }
void warp_collective(const char* operation, std::uint32_t mask, void* deposit, Complete complete,
                     Site site) {
  Block::current()->warp_collective(operation, mask, deposit, complete, site);
}
void copy_async(void* shared, const void* global, std::size_t bytes, std::size_t valid_bytes,
                Site site) {
  Block::current()->copy_async(shared, global, bytes, valid_bytes, site);
}
void copy_async_commit() { Block::current()->copy_async_commit(); }
void copy_async_wait(int groups_left) { Block::current()->copy_async_wait(groups_left); }
void fail(const char* reason, Site site) { Block::current()->fail(reason, site); }

}  // namespace obverse::kernels::emulation
