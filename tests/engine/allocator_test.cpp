#include "engine/tensor/allocator.h"

#include <cstdint>
#include <new>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "engine/tensor/tensor.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using engine::Allocator;
using engine::BlockHandle;
using engine::Device;
using engine::DType;
using engine::MemoryCategory;
using engine::Tensor;

TEST_CASE("blocks are aligned, large enough and at most a quarter larger", "[allocator]") {
  Allocator allocator;
  std::set<std::uintptr_t> places;
  std::vector<BlockHandle> held;
  for (std::size_t bytes = 0; bytes < 20000; bytes += bytes < 1000 ? 1 : 37) {
    held.emplace_back(allocator.allocate(bytes, MemoryCategory::activations));
    const engine::Block& block = *held.back().get();
    const std::size_t lines = std::max<std::size_t>(1, (bytes + 63) / 64);
    INFO(bytes << " bytes in a block of " << block.bytes);
    const auto place = reinterpret_cast<std::uintptr_t>(block.memory);
    REQUIRE(place % 64 == 0);
    REQUIRE(places.insert(place).second);
    REQUIRE(block.bytes >= bytes);
    REQUIRE(block.bytes <= lines * 64 + lines * 16);
  }
}

TEST_CASE("a freed block serves the next request of its size class", "[allocator]") {
  Allocator allocator;
  const auto place_of = [&](std::size_t bytes) {
    const BlockHandle handle(allocator.allocate(bytes, MemoryCategory::inputs));
    return handle.get()->memory;
  };
  const auto* first = place_of(1000);
  CHECK(place_of(1000) == first);
  CHECK(place_of(1024) == first);  // 16 lines hold both
  CHECK(allocator.use().system_allocations == 1);
  CHECK(place_of(1025) != first);
  CHECK(allocator.use().system_allocations == 2);
  CHECK(allocator.use().reserved_bytes == 1024 + 1280);
  // Three at a time need three blocks, two of them the larger one's neighbours; later ones none.
  for (int repeat = 0; repeat < 3; ++repeat) {
    const BlockHandle a(allocator.allocate(1000, MemoryCategory::inputs));
    const BlockHandle b(allocator.allocate(1000, MemoryCategory::inputs));
    const BlockHandle c(allocator.allocate(1000, MemoryCategory::inputs));
    CHECK(a.get()->memory != b.get()->memory);
    CHECK(a.get()->memory != c.get()->memory);
    CHECK(b.get()->memory != c.get()->memory);
  }
  CHECK(allocator.use().system_allocations == 3);
}

TEST_CASE("a free block serves smaller requests, but not much smaller ones", "[allocator]") {
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  Allocator allocator;
  { const BlockHandle large(allocator.allocate(16 * kMebibyte, MemoryCategory::inputs)); }
  { const BlockHandle near(allocator.allocate(kMebibyte, MemoryCategory::inputs)); }
  CHECK(allocator.use().system_allocations == 1);
  const BlockHandle far(allocator.allocate(kMebibyte / 2, MemoryCategory::inputs));
  CHECK(allocator.use().system_allocations == 2);
  // The smallest that fits.
  Allocator other;
  std::byte* medium = nullptr;
  {
    const BlockHandle a(other.allocate(64000, MemoryCategory::inputs));
    const BlockHandle b(other.allocate(32000, MemoryCategory::inputs));
    medium = b.get()->memory;
  }
  CHECK(BlockHandle(other.allocate(8, MemoryCategory::inputs)).get()->memory == medium);
}

TEST_CASE("figures count what is handed out, by category", "[allocator]") {
  Allocator allocator;
  const auto at = [](const auto& bytes, MemoryCategory category) {
    return bytes[static_cast<std::size_t>(category)];
  };
  std::optional<BlockHandle> weights(allocator.allocate(1000, MemoryCategory::weights));
  {
    const BlockHandle inputs(allocator.allocate(500, MemoryCategory::inputs));
    CHECK(at(allocator.use().current_bytes, MemoryCategory::inputs) == 500);
    CHECK(allocator.use().peak_total_bytes == 1500);
  }
  const BlockHandle again(allocator.allocate(400, MemoryCategory::inputs));
  CHECK(at(allocator.use().current_bytes, MemoryCategory::inputs) == 400);
  CHECK(at(allocator.use().peak_bytes, MemoryCategory::inputs) == 500);
  CHECK(at(allocator.use().peak_bytes, MemoryCategory::gradients) == 0);
  weights.reset();
  CHECK(at(allocator.use().current_bytes, MemoryCategory::weights) == 0);
  CHECK(at(allocator.use().peak_bytes, MemoryCategory::weights) == 1000);
  // A block that another category used counts where it is used now.
  const BlockHandle optimizer(allocator.allocate(1000, MemoryCategory::optimizer));
  CHECK(at(allocator.use().current_bytes, MemoryCategory::optimizer) == 1000);
  CHECK(at(allocator.use().current_bytes, MemoryCategory::weights) == 0);
  CHECK(allocator.use().peak_total_bytes == 1500);
}

TEST_CASE("the table names every category and the totals", "[allocator]") {
  Allocator allocator;
  const BlockHandle block(allocator.allocate(3 << 20, MemoryCategory::optimizer));
  const std::string table = describe(allocator.use());
  for (int i = 0; i < engine::kMemoryCategoryCount; ++i) {
    CHECK(table.find(name_of(static_cast<MemoryCategory>(i))) != std::string::npos);
  }
  CHECK(table.find("optimizer       3.0 MiB") != std::string::npos);
  CHECK(table.find("peak       3.0 MiB (reserved 3.0 MiB in 1 allocations)") != std::string::npos);
}

TEST_CASE("more memory than there are addresses is bad_alloc", "[allocator]") {
  Allocator allocator;
  CHECK_THROWS_AS(allocator.allocate(std::size_t{1} << 60, MemoryCategory::inputs), std::bad_alloc);
  CHECK(allocator.use().reserved_bytes == 0);
}

TEST_CASE("two devices share nothing, copies of one share all", "[allocator]") {
  const auto one = Device::cpu(), other = Device::cpu();
  const auto copy = one;  // NOLINT(performance-unnecessary-copy-initialization): what is tested
  const auto tensor = Tensor::zeros(one, {100}, DType::f32);
  CHECK(copy.allocator().use().system_allocations == 1);
  CHECK(other.allocator().use().system_allocations == 0);
}

TEST_CASE("a tensor outlives its device handle", "[allocator]") {
  Tensor tensor;
  {
    const auto device = Device::cpu();
    tensor = Tensor::from<float>(device, {3}, {1, 2, 3});
  }
  CHECK(tensor.to_vector<float>() == std::vector<float>{1, 2, 3});
  const auto second = Tensor::zeros(tensor.device(), {3}, DType::f32);
  CHECK(tensor.device().allocator().use().system_allocations == 2);
}

// The address sanitizer sees it where the allocator goes before the block that must return to it.
TEST_CASE("assignment frees the last block of a device, then the device", "[allocator]") {
  Tensor tensor = Tensor::zeros(Device::cpu(), {3}, DType::f32);
  tensor = Tensor::from<float>(Device::cpu(), {1}, {5});
  CHECK(tensor.to_vector<float>() == std::vector<float>{5});
  const Tensor copy = tensor;
  tensor = Tensor();
  CHECK_FALSE(tensor.defined());
  tensor = copy;
  CHECK(tensor.item() == 5.0);
  const Tensor& itself = tensor;
  tensor = itself;
  CHECK(tensor.item() == 5.0);
}

TEST_CASE("threads may allocate, share and free at the same time", "[allocator]") {
  const auto device = Device::cpu();
  const auto shared = Tensor::from<std::int32_t>(device, {1}, {42});
  constexpr int kThreads = 4, kRounds = 2000;
  std::vector<int> errors(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto mine = static_cast<std::size_t>(t);
      for (int round = 0; round < kRounds; ++round) {
        const Tensor copy = shared;  // NOLINT(performance-unnecessary-copy-initialization)
        const auto tensor = Tensor::empty(device, {1 + round % 50}, DType::i32);
        for (auto& value : tensor.span<std::int32_t>()) value = t * kRounds + round;
        std::this_thread::yield();
        for (const auto value : tensor.span<std::int32_t>()) {
          errors[mine] += value != t * kRounds + round ? 1 : 0;
        }
        errors[mine] += copy.span<std::int32_t>()[0] != 42 ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(errors == std::vector<int>(kThreads, 0));
  const auto use = device.allocator().use();
  CHECK(shared.unique());
  CHECK(use.current_bytes[static_cast<std::size_t>(MemoryCategory::activations)] == 4);
  // 1 to 50 elements fall into 4 classes, each used by at most one block a thread.
  CHECK(use.system_allocations <= 1 + 4 * kThreads);
}

TEST_CASE("blocks of steps serve steps alone", "[allocator]") {
  Allocator allocator;
  const auto place_of = [&] {
    const BlockHandle handle(allocator.allocate(1000, MemoryCategory::activations));
    return handle.get()->memory;
  };
  const std::byte* of_step = nullptr;
  {
    const Allocator::StepMemory step(allocator);
    of_step = place_of();
    CHECK(place_of() == of_step);
  }
  const auto* outside = place_of();
  CHECK(outside != of_step);
  {
    const Allocator::StepMemory step(allocator);
    CHECK(place_of() == of_step);
    // Freed in a step, but not of it.
    BlockHandle kept;
    kept = BlockHandle();
    CHECK(place_of() == of_step);
  }
  CHECK(place_of() == outside);
  CHECK(allocator.use().system_allocations == 2);
}

// A source of so many bytes, as a device is.
class Limited : public engine::MemorySource {
 public:
  explicit Limited(std::size_t bytes) : left_(bytes) {}
  std::byte* take(std::size_t bytes) override {
    if (bytes > left_) throw std::bad_alloc();
    left_ -= bytes;
    sizes_.push_back(bytes);
    return host_->take(bytes);
  }
  void give_back(std::byte* memory) noexcept override {
    left_ += sizes_.front();  // tests give back one size alone
    host_->give_back(memory);
  }
  void poison(std::byte* memory, std::size_t bytes) override { host_->poison(memory, bytes); }

 private:
  std::unique_ptr<engine::MemorySource> host_ = engine::host_memory();
  std::size_t left_;
  std::vector<std::size_t> sizes_;
};

TEST_CASE("a full source gets cached blocks back, but those of steps", "[allocator]") {
  Allocator allocator(std::make_unique<Limited>(4096));
  const auto take = [&](std::size_t bytes) {
    const BlockHandle handle(allocator.allocate(bytes, MemoryCategory::activations));
  };
  take(1024);
  take(4096);  // needs the cached kilobyte
  CHECK(allocator.use().reserved_bytes == 4096);
  Allocator stepping(std::make_unique<Limited>(4096));
  {
    const Allocator::StepMemory step(stepping);
    const BlockHandle handle(stepping.allocate(1024, MemoryCategory::activations));
  }
  CHECK_THROWS_AS(stepping.allocate(4096, MemoryCategory::activations), std::bad_alloc);
  CHECK(stepping.use().reserved_bytes == 1024);
}

}  // namespace
}  // namespace obverse::tests
