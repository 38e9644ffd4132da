#include "kernels/core/caching_pool.h"

#include <cstdlib>
#include <map>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::cuda::CachingPool;

// Memory of a device with room for `capacity` bytes.
struct FakeDevice {
  std::size_t capacity = 1 << 20, used = 0;
  std::map<void*, std::size_t> blocks;

  CachingPool::Source source() {
    return {[this](std::size_t bytes) -> void* {
              if (used + bytes > capacity) return nullptr;
              used += bytes;
              void* data = std::malloc(bytes);
              blocks[data] = bytes;
              return data;
            },
            [this](void* data) {
              used -= blocks.at(data);
              blocks.erase(data);
              std::free(data);
            }};
  }
};

const int kStreams[2] = {};
const void* const kFirst = &kStreams[0];
const void* const kSecond = &kStreams[1];

TEST_CASE("size classes waste at most an eighth and never shrink a request", "[caching_pool]") {
  int before = 0;
  for (std::size_t bytes = 1; bytes < (std::size_t{1} << 40); bytes += 1 + bytes / 7) {
    const int size_class = CachingPool::size_class_of(bytes);
    const std::size_t room = CachingPool::class_bytes(size_class);
    INFO(bytes << " bytes in class " << size_class << " of " << room);
    CHECK(room >= bytes);
    CHECK(room <= bytes + bytes / 8 + 2 * CachingPool::kAlignment);
    CHECK(room % CachingPool::kAlignment == 0);
    CHECK(size_class >= before);
    before = size_class;
  }
}

TEST_CASE("a freed block serves the same stream again, and no other", "[caching_pool]") {
  FakeDevice device;
  CachingPool pool(device.source());
  auto* const first = pool.allocate(kFirst, 1000);
  void* const data = first->data;
  pool.free(first);
  auto* const other = pool.allocate(kSecond, 1000);
  CHECK(other->data != data);
  auto* const again = pool.allocate(kFirst, 900);
  CHECK(again->data == data);
  CHECK(pool.statistics().allocations == 2);
  CHECK(pool.statistics().in_use_bytes == 1900);
  CHECK(pool.statistics().peak_bytes == 1900);
  pool.free(again);
  pool.free(other);
  pool.free(nullptr);
  CHECK(pool.statistics().in_use_bytes == 0);
  CHECK(pool.statistics().reserved_bytes == 2048);
  pool.release_cached();
  CHECK(pool.statistics().reserved_bytes == 0);
  CHECK(device.used == 0);
}

TEST_CASE("a block of up to twice the size serves too, a far larger one does not",
          "[caching_pool]") {
  FakeDevice device;
  device.capacity = std::size_t{64} << 20;
  CachingPool pool(device.source());
  pool.free(pool.allocate(kFirst, std::size_t{32} << 20));
  auto* const half = pool.allocate(kFirst, std::size_t{17} << 20);
  CHECK(pool.statistics().allocations == 1);
  pool.free(half);
  auto* const small = pool.allocate(kFirst, std::size_t{4} << 20);
  CHECK(pool.statistics().allocations == 2);
  pool.free(small);
}

TEST_CASE("a full device gets its cached blocks back before anybody is refused", "[caching_pool]") {
  FakeDevice device;
  CachingPool pool(device.source());
  pool.free(pool.allocate(kFirst, 600 * 1024));
  auto* const large = pool.allocate(kSecond, 800 * 1024);
  REQUIRE(large != nullptr);
  CHECK(device.blocks.size() == 1);
  CHECK(pool.allocate(kSecond, 800 * 1024) == nullptr);
  CHECK(pool.statistics().in_use_bytes == 800 * 1024);
  pool.free(large);
  CHECK(pool.allocate(kFirst, std::size_t{1} << 60) == nullptr);
}

TEST_CASE("blocks of a stream that has ended serve any other", "[caching_pool]") {
  FakeDevice device;
  CachingPool pool(device.source());
  auto* const cached = pool.allocate(kFirst, 1000);
  auto* const in_use = pool.allocate(kFirst, 5000);
  void* const data[2] = {cached->data, in_use->data};
  pool.free(cached);
  pool.forget(kFirst);
  auto* const again = pool.allocate(kSecond, 1000);
  CHECK(again->data == data[0]);
  pool.free(in_use);
  auto* const late = pool.allocate(kSecond, 5000);
  CHECK(late->data == data[1]);
  CHECK(pool.statistics().allocations == 2);
  pool.free(again);
  pool.free(late);
}

TEST_CASE("threads may share a pool", "[caching_pool]") {
  FakeDevice device;
  device.capacity = std::size_t{1} << 30;
  CachingPool pool(device.source());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (std::size_t j = 0; j < 500; ++j) {
        auto* const block = pool.allocate(&kStreams[i % 2], 256 * (1 + j % 5));
        *static_cast<int*>(block->data) = i;
        pool.free(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(pool.statistics().in_use_bytes == 0);
  CHECK(pool.statistics().allocations <= 20);
}

TEST_CASE("blocks that are kept go back to nobody before they are forgotten", "[caching_pool]") {
  FakeDevice device;
  CachingPool pool(device.source());
  pool.keep(kFirst);
  pool.free(pool.allocate(kFirst, 700 * 1024));
  pool.free(pool.allocate(kSecond, 200 * 1024));
  CHECK(pool.allocate(kSecond, 600 * 1024) == nullptr);  // the other stream's block did not do
  CHECK(pool.statistics().reserved_bytes > 700 * 1024);
  pool.release_cached();
  CHECK(device.blocks.size() == 1);
  pool.forget(kFirst);
  auto* const block = pool.allocate(kSecond, 600 * 1024);
  CHECK(block != nullptr);
  pool.free(block);
  pool.release_cached();
  CHECK(device.used == 0);
}

}  // namespace
}  // namespace obverse::tests
