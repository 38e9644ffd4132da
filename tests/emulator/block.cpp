#include "tests/emulator/block.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <numeric>
#include <utility>

#include "kernels/core/random.h"

namespace obverse::emulation {
namespace {

constexpr std::size_t kSharedAlignment = 128;
constexpr int kPoison = 0xFF;  // NaN as bf16, float and double; -1 as an integer

thread_local Block* current_block = nullptr;

// Hands out a pool's stacks as Boost.Context wants it. By value: fibers keep a copy.
struct PooledStacks {
  std::shared_ptr<StackPool> pool;
  boost::context::stack_context allocate() const { return pool->take(); }
  void deallocate(const boost::context::stack_context& stack) const { pool->give_back(stack); }
};

// "0 to 31, 40"
std::string ranges(const std::vector<int>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ", ";
    text += std::to_string(numbers[i]);
    if (last > i) text += " to " + std::to_string(numbers[last]);
    i = last + 1;
  }
  return text;
}

std::string in_hexadecimal(std::uint32_t mask) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(mask >> shift) & 15u];
  return text;
}

}  // namespace

StackPool::~StackPool() {
  for (boost::context::stack_context& stack : free_) allocator_.deallocate(stack);
}

boost::context::stack_context StackPool::take() {
  if (free_.empty()) return allocator_.allocate();
  const boost::context::stack_context stack = free_.back();
  free_.pop_back();
  return stack;
}

Block* Block::current() { return current_block; }

Index3 Block::position(int number) const {
  const Index3& size = launch_->block;
  const auto n = static_cast<unsigned>(number);
  return {n % size.x, n / size.x % size.y, n / (size.x * size.y)};
}

KernelError Block::error(int thread, const std::string& reason) const {
  return {launch_->kernel, index_, position(thread), reason};
}

void Block::fail(const std::string& reason, const Site& site) const {
  throw error(running_->number, reason + " (" + to_string(site) + ")");
}

// ---- Running ----

void Block::start(Thread& thread, const std::function<void()>& body) {
  thread.fiber = boost::context::fiber(
      std::allocator_arg, PooledStacks{stacks_},
      [this, &thread, &body](boost::context::fiber&& scheduler) -> boost::context::fiber&& {
        thread.scheduler = std::move(scheduler);
        // Only what a kernel throws; Boost unwinds abandoned fibers by an exception of its own.
        try {
          body();
          finish(thread);
        } catch (const KernelError& problem) {
          if (!error_) error_ = std::make_unique<KernelError>(problem);
        } catch (const std::exception& problem) {
          if (!error_) {
            error_ = std::make_unique<KernelError>(error(thread.number, problem.what()));
          }
        }
        thread.state = State::done;
        return std::move(thread.scheduler);
      });
}

void Block::resume(Thread& thread) {
  running_ = &thread;
  thread.fiber = std::move(thread.fiber).resume();
  running_ = nullptr;
}

void Block::wait(const Wait& reason) {
  Thread& thread = *running_;
  thread.state = State::waiting;
  thread.waits_for = reason;
  thread.scheduler = std::move(thread.scheduler).resume();
}

void Block::run(const Launch& launch, const Index3& index, const Schedule& schedule,
                const std::function<void()>& body) {
  launch_ = &launch;
  index_ = index;
  thread_count_ = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
  const auto count = static_cast<std::size_t>(thread_count_);

  memory_.resize(launch.shared_bytes + kSharedAlignment);
  void* aligned = memory_.data();
  std::size_t space = memory_.size();
  shared_ =
      static_cast<std::byte*>(std::align(kSharedAlignment, launch.shared_bytes, aligned, space));
  std::memset(shared_, kPoison, launch.shared_bytes);
  shadow_.begin(launch.shared_bytes);
  clocks_.begin(thread_count_);
  for (Barrier& barrier : barriers_) barrier.arrived.clear();
  first_exited_ = -1;
  warps_.resize((count + kWarpSize - 1) / kWarpSize);
  for (Warp& warp : warps_) {
    warp.gone = 0;
    warp.pending.clear();
  }
  if (count % kWarpSize != 0) warps_.back().gone = ~0u << (count % kWarpSize);
  error_.reset();

  threads_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    threads_.push_back(std::make_unique<Thread>());
    threads_.back()->number = static_cast<int>(i);
    start(*threads_.back(), body);
  }

  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (schedule.order == Schedule::Order::reverse) std::reverse(order.begin(), order.end());
  kernels::RandomSequence random(
      {.seed = schedule.seed,
       .purpose = kernels::Purpose::test,
       .step = (std::uint64_t{index.z} << 42) + (std::uint64_t{index.y} << 21) + index.x});
  Block* const outer = std::exchange(current_block, this);
  std::size_t done = 0;
  while (!error_ && done < count) {
    if (schedule.order == Schedule::Order::random) random.shuffle(order);
    bool progress = false;
    done = 0;
    for (const std::size_t i : order) {
      Thread& thread = *threads_[i];
      if (thread.state == State::ready) {
        resume(thread);
        progress = true;
        if (error_) break;
      }
      if (thread.state == State::done) ++done;
    }
    if (!progress && done < count && !error_) {
      const auto waiting = std::find_if(threads_.begin(), threads_.end(), [](const auto& thread) {
        return thread->state == State::waiting;
      });
      error_ = std::make_unique<KernelError>(error((*waiting)->number, deadlock()));
    }
  }
  threads_.clear();  // unwinds what an error left waiting
  current_block = outer;
  if (error_) throw KernelError(*error_);
}

bool Block::same(const Site& a, const Site& b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

void Block::finish(Thread& thread) {
  const int lane = thread.number % kWarpSize;
  Warp& warp = warps_[static_cast<std::size_t>(thread.number / kWarpSize)];
  for (const auto& collective : warp.pending) {
    if ((collective->mask >> lane & 1u) != 0) {
      throw error(thread.number, std::string("exits, but ") + collective->operation + " (" +
                                     to_string(collective->site) + ") waits for lane " +
                                     std::to_string(lane) + ", which its mask " +
                                     in_hexadecimal(collective->mask) + " names");
    }
  }
  const Barrier& barrier = barriers_[0];
  if (!barrier.arrived.empty()) {
    std::vector<int> arrived = barrier.arrived;
    std::sort(arrived.begin(), arrived.end());
    throw error(thread.number, "exits, but the block's barrier (" + to_string(barrier.site) +
                                   ") was reached by threads " + ranges(arrived) + " (" +
                                   std::to_string(arrived.size()) + " of " +
                                   std::to_string(thread_count_) + ")");
  }
  thread.state = State::done;
  warp.gone |= 1u << lane;
  if (first_exited_ < 0) first_exited_ = thread.number;
}

std::string Block::deadlock() const {
  std::map<std::string, std::vector<int>> waiting;
  std::vector<int> exited;
  for (const auto& thread : threads_) {
    if (thread->state == State::done) exited.push_back(thread->number);
    if (thread->state != State::waiting) continue;
    const Wait& wait = thread->waits_for;
    std::string reason = wait.operation;
    if (wait.mask == 0 && wait.barrier > 0) reason += " " + std::to_string(wait.barrier);
    reason += " (" + to_string(wait.site) + ")";
    reason += wait.mask != 0 ? " with mask " + in_hexadecimal(wait.mask)
                             : " of " + std::to_string(wait.expected);
    waiting[reason].push_back(thread->number);
  }
  std::string text = "deadlock:";
  for (const auto& [reason, numbers] : waiting) {
    text += " threads " + ranges(numbers) + " wait at " + reason + ";";
  }
  if (!exited.empty()) text += " threads " + ranges(exited) + " have exited;";
  text.pop_back();
  return text;
}

// ---- Barriers and collectives ----

void Block::check_barrier(int id, int threads, const Site& site) const {
  if (id < 0 || id >= kNamedBarriers || threads < 0 || threads > thread_count_ ||
      threads % kWarpSize != 0 || (id == 0) != (threads == 0)) {
    fail("a named barrier is 1 to 15 and has a multiple of 32 threads, at most the block's " +
             std::to_string(thread_count_) + "; got barrier " + std::to_string(id) + " of " +
             std::to_string(threads),
         site);
  }
  const Barrier& barrier = barriers_[static_cast<std::size_t>(id)];
  if (id == 0 && first_exited_ >= 0) {
    fail("reaches the block's barrier, which thread " + std::to_string(first_exited_) +
             " never did: it has exited",
         site);
  }
  if (barrier.arrived.empty()) return;
  if (id == 0 && !same(barrier.site, site)) {
    fail("reaches the block's barrier, while thread " + std::to_string(barrier.arrived.front()) +
             " waits at another place (" + to_string(barrier.site) + ")",
         site);
  }
  if (id != 0 && barrier.expected != threads) {
    fail("reaches barrier " + std::to_string(id) + " as one of " + std::to_string(threads) +
             ", while thread " + std::to_string(barrier.arrived.front()) + " is one of " +
             std::to_string(barrier.expected) + " (" + to_string(barrier.site) + ")",
         site);
  }
}

void Block::barrier(int id, int threads, const Site& site) {
  check_barrier(id, threads, site);
  Barrier& barrier = barriers_[static_cast<std::size_t>(id)];
  const int expected = threads == 0 ? thread_count_ : threads;
  if (barrier.arrived.empty()) {
    barrier.expected = expected;
    barrier.site = site;
  }
  barrier.arrived.push_back(running_->number);
  if (static_cast<int>(barrier.arrived.size()) < expected) {
    wait({.operation = id == 0 ? "the block's barrier" : "barrier",
          .site = site,
          .barrier = id,
          .expected = expected});
    return;
  }
  clocks_.join(barrier.arrived);
  for (const int number : barrier.arrived) wake(number);
  barrier.arrived.clear();
}

void Block::warp_collective(const char* operation, std::uint32_t mask, void* deposit,
                            Complete complete, const Site& site) {
  const int lane = running_->number % kWarpSize, first = running_->number - lane;
  Warp& warp = warps_[static_cast<std::size_t>(first / kWarpSize)];
  if ((mask >> lane & 1u) == 0) {
    fail(std::string(operation) + " by lane " + std::to_string(lane) + ", which its mask " +
             in_hexadecimal(mask) + " leaves out",
         site);
  }
  if ((mask & warp.gone) != 0) {
    const int gone = std::countr_zero(mask & warp.gone);
    fail(std::string(operation) + " whose mask " + in_hexadecimal(mask) + " names lane " +
             std::to_string(gone) +
             (first + gone >= thread_count_ ? ", which the block lacks" : ", which has exited"),
         site);
  }
  auto found = std::find_if(warp.pending.begin(), warp.pending.end(), [&](const auto& other) {
    return other->mask == mask && same(other->site, site) &&
           std::strcmp(other->operation, operation) == 0;
  });
  if (found == warp.pending.end()) {
    if (warp.free.empty()) warp.free.push_back(std::make_unique<Collective>());
    warp.pending.push_back(std::move(warp.free.back()));
    warp.free.pop_back();
    *warp.pending.back() = {.operation = operation, .mask = mask, .site = site};
    found = warp.pending.end() - 1;
  }
  Collective& collective = **found;
  collective.arrived |= 1u << lane;
  collective.deposits[lane] = deposit;
  if (collective.arrived != mask) {
    wait({.operation = operation, .site = site, .mask = mask});
    return;
  }
  warp.free.push_back(std::move(*found));
  warp.pending.erase(found);
  complete(collective.deposits);
  for (int other = 0; other < kWarpSize; ++other) {
    if ((mask >> other & 1u) != 0) wake(first + other);
  }
}

void Block::warp_barrier(std::uint32_t mask, const Site& site) {
  warp_collective(
      "the warp's barrier", mask, running_,
      [](void* const(&deposits)[kWarpSize]) {
        std::vector<int> members;
        for (void* deposit : deposits) {
          if (deposit != nullptr) members.push_back(static_cast<const Thread*>(deposit)->number);
        }
        current_block->clocks_.join(members);
      },
      site);
}

// ---- Shared memory ----

void* Block::shared_memory(std::size_t bytes, const Site& site) {
  if (bytes > launch_->shared_bytes) {
    fail("uses " + std::to_string(bytes) + " bytes of shared memory, the launch gave " +
             std::to_string(launch_->shared_bytes),
         site);
  }
  return shared_;
}

std::size_t Block::offset_of(const void* address, std::size_t bytes, const Site& site) const {
  const auto* at = static_cast<const std::byte*>(address);
  if (at < shared_ || at + bytes > shared_ + launch_->shared_bytes) {
    fail("an access outside of the block's shared memory", site);
  }
  return static_cast<std::size_t>(at - shared_);
}

void Block::shared_read(const void* address, std::size_t bytes, const Site& site) {
  const std::size_t offset = offset_of(address, bytes, site);
  const std::string problem = shadow_.read(clocks_, running_->number, offset, bytes, site);
  if (!problem.empty()) fail(problem, site);
}

void Block::shared_write(const void* address, std::size_t bytes, const Site& site) {
  const std::size_t offset = offset_of(address, bytes, site);
  const std::string problem = shadow_.write(clocks_, running_->number, offset, bytes, site);
  if (!problem.empty()) fail(problem, site);
}

void Block::copy_async(void* shared, const void* global, std::size_t bytes, std::size_t valid_bytes,
                       const Site& site) {
  const std::size_t offset = offset_of(shared, bytes, site);
  const std::string problem = shadow_.begin_copy(clocks_, running_->number, offset, bytes, site);
  if (!problem.empty()) fail(problem, site);
  std::memset(shared, kPoison, bytes);
  running_->open_group.push_back({static_cast<std::byte*>(shared), global, bytes, valid_bytes});
}

void Block::copy_async_commit() {
  running_->groups.push_back(std::move(running_->open_group));
  running_->open_group.clear();
}

void Block::copy_async_wait(int groups_left) {
  auto& groups = running_->groups;
  const auto left = static_cast<std::size_t>(std::max(0, groups_left));
  if (groups.size() <= left) return;
  const auto last = groups.end() - static_cast<std::ptrdiff_t>(left);
  for (auto group = groups.begin(); group != last; ++group) {
    for (const Copy& copy : *group) {
      if (copy.valid_bytes > 0) std::memcpy(copy.to, copy.from, copy.valid_bytes);
      std::memset(copy.to + copy.valid_bytes, 0, copy.bytes - copy.valid_bytes);
      shadow_.end_copy(clocks_, running_->number, static_cast<std::size_t>(copy.to - shared_),
                       copy.bytes);
    }
  }
  groups.erase(groups.begin(), last);
}

}  // namespace obverse::emulation
