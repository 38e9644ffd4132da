// One thread block at a time: its fibers, their rendezvous and its shared memory. A worker runs
// block after block and keeps its stacks and shared memory between them.
#pragma once

#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/emulator/emulator.h"
#include "tests/emulator/shadow.h"

namespace obverse::emulation {

using kernels::emulation::Complete;

inline constexpr int kWarpSize = 32;
inline constexpr int kNamedBarriers = 16;  // 0 is the block's own
// What sm_90 lets a block have; sm_80 163 KiB, sm_86 and sm_89 99 KiB.
inline constexpr std::size_t kMostSharedBytes = std::size_t{227} * 1024;

// Stacks are used again: to map one costs more than to run a small block.
class StackPool {
 public:
  StackPool() = default;
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  boost::context::stack_context take();
  void give_back(const boost::context::stack_context& stack) { free_.push_back(stack); }

 private:
  // Room for a kernel's fragments and for putting an error message together; a page without access
  // lies below it.
  boost::context::protected_fixedsize_stack allocator_{std::size_t{128} * 1024};
  std::vector<boost::context::stack_context> free_;
};

class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Runs `body` as every thread of block `index`. Throws KernelError.
  void run(const Launch& launch, const Index3& index, const Schedule& schedule,
           const std::function<void()>& body);

  // The block that the calling host thread runs; null outside of kernels.
  static Block* current();

  // What a kernel's thread asks for (kernels/core/emulation.h).
  const Launch& launch() const { return *launch_; }
  const Index3& index() const { return index_; }
  Index3 thread_index() const { return position(running_->number); }
  void* shared_memory(std::size_t bytes, const Site& site);
  void shared_read(const void* address, std::size_t bytes, const Site& site);
  void shared_write(const void* address, std::size_t bytes, const Site& site);
  void barrier(int id, int threads, const Site& site);  // 0 threads: all of the block
  void warp_barrier(std::uint32_t mask, const Site& site);
  void warp_collective(const char* operation, std::uint32_t mask, void* deposit, Complete complete,
                       const Site& site);
  void copy_async(void* shared, const void* global, std::size_t bytes, std::size_t valid_bytes,
                  const Site& site);
  void copy_async_commit();
  void copy_async_wait(int groups_left);
  [[noreturn]] void fail(const std::string& reason, const Site& site) const;

 private:
  struct Copy {
    std::byte* to = nullptr;
    const void* from = nullptr;
    std::size_t bytes = 0, valid_bytes = 0;
  };
  enum class State { ready, waiting, done };
  // What a thread waits for, put into words only where it waits in vain.
  struct Wait {
    const char* operation = nullptr;
    Site site;
    std::uint32_t mask = 0;         // of a warp's collective
    int barrier = 0, expected = 0;  // of a barrier; mask is 0 then
  };
  struct Thread {
    int number = 0;
    State state = State::ready;
    Wait waits_for;
    boost::context::fiber fiber, scheduler;
    std::vector<Copy> open_group;
    std::vector<std::vector<Copy>> groups;  // committed, oldest first
  };
  struct Barrier {
    int expected = 0;
    Site site;
    std::vector<int> arrived;  // thread numbers
  };
  static bool same(const Site& a, const Site& b);
  // A warp's collective that some of its lanes have reached.
  struct Collective {
    const char* operation = nullptr;
    std::uint32_t mask = 0, arrived = 0;
    Site site;
    void* deposits[kWarpSize] = {};
  };
  struct Warp {
    std::uint32_t gone = 0;  // lanes that have exited, or that the block lacks
    std::vector<std::unique_ptr<Collective>> pending, free;
  };

  Index3 position(int number) const;
  void start(Thread& thread, const std::function<void()>& body);
  void resume(Thread& thread);
  void wait(const Wait& reason);  // until somebody makes this thread ready
  void wake(int number) { threads_[static_cast<std::size_t>(number)]->state = State::ready; }
  void finish(Thread& thread);
  std::string deadlock() const;
  KernelError error(int thread, const std::string& reason) const;
  std::size_t offset_of(const void* address, std::size_t bytes, const Site& site) const;
  void check_barrier(int id, int threads, const Site& site) const;

  const Launch* launch_ = nullptr;
  Index3 index_;
  int thread_count_ = 0;
  std::vector<std::unique_ptr<Thread>> threads_;
  Thread* running_ = nullptr;
  std::unique_ptr<KernelError> error_;  // the first

  std::array<Barrier, kNamedBarriers> barriers_;
  int first_exited_ = 0;  // the first thread to exit; -1 while there is none
  std::vector<Warp> warps_;
  Clocks clocks_;
  Shadow shadow_;
  std::vector<std::byte> memory_;
  std::byte* shared_ = nullptr;  // aligned part of memory_
  std::shared_ptr<StackPool> stacks_ = std::make_shared<StackPool>();
};

}  // namespace obverse::emulation
