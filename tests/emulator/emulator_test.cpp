// The emulator's own tests: small kernels that are right, and small wrong ones, each of which must
// be reported with kernel, block, thread and reason.
#include "tests/emulator/emulator.h"

#include <cmath>
#include <string>
#include <vector>

#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using namespace kernels::cuda;  // NOLINT: a kernel file's own namespace
using emulation::KernelError;
using emulation::Schedule;
using kernels::bf16;
using kernels::Span;

const Schedule kSchedules[] = {Schedule::forward(), Schedule::reverse(), Schedule::random(1),
                               Schedule::random(2), Schedule::random(3)};

// What the emulator says of a kernel, or "nothing reported".
template <typename... Parameters, typename... Arguments>
std::string report_of(const LaunchShape& shape, void (*kernel)(Parameters...),
                      Arguments&&... arguments) {
  Stream stream;
  try {
    launch(stream, shape, kernel, std::forward<Arguments>(arguments)...);
  } catch (const KernelError& error) {
    return error.what();
  }
  return "nothing reported";
}

void check_contains(const std::string& report, const std::vector<std::string>& parts) {
  INFO(report);
  for (const std::string& part : parts) {
    INFO("lacks: " << part);
    CHECK(report.find(part) != std::string::npos);
  }
}

template <int count>
struct Floats {
  SharedArray<float, count> values;
};

// ---- What a right kernel may do ----

__global__ void sum_of_blocks(Span<const float> values, Span<float> sums) {
  const auto shared = shared_memory<Floats<8>>().values.span();
  const int thread = thread_index().x, block = block_index().x;
  const float sum = warp_sum(values[block * 256 + thread]);
  if (lane_index() == 0) shared.store(warp_index(), sum);
  block_barrier();
  if (thread == 0) {
    float total = 0.0f;
    for (int warp = 0; warp < 8; ++warp) total += shared.load(warp);
    sums[block] = total;
  }
}

TEST_CASE("a right kernel gives the same under every schedule", "[emulator]") {
  const auto values = normal_values<float>(16 * 256, 1);
  std::vector<float> first;
  for (const Schedule& schedule : kSchedules) {
    const emulation::WithSchedule with(schedule);
    std::vector<float> sums(16);
    CHECK(report_of({.kernel = "sum", .grid = {16}, .block = {256}, .shared_bytes = 128},
                    sum_of_blocks, span(values), span(sums)) == "nothing reported");
    for (int block = 0; block < 16; ++block) {
      double expected = 0.0;
      for (int i = 0; i < 256; ++i) expected += values[static_cast<std::size_t>(block * 256 + i)];
      CHECK(std::abs(sums[static_cast<std::size_t>(block)] - expected) < 1e-4);
    }
    if (first.empty()) first = sums;
    CHECK(sums == first);
  }
}

__global__ void places(Span<std::int32_t> out) {
  const Index thread = thread_index(), block = block_index(), size = block_size();
  const int number = thread.x + size.x * (thread.y + size.y * thread.z);
  const int block_number = block.x + grid_size().x * (block.y + grid_size().y * block.z);
  out[block_number * size.x * size.y * size.z + number] = number + 1000 * block_number;
}

TEST_CASE("every thread of every block runs once, at its own place", "[emulator]") {
  for (const Schedule& schedule : kSchedules) {
    const emulation::WithSchedule with(schedule);
    std::vector<std::int32_t> out(24 * 30, -1);
    CHECK(report_of({.kernel = "places", .grid = {2, 3, 4}, .block = {5, 3, 2}}, places,
                    span(out)) == "nothing reported");
    for (int i = 0; i < 24 * 30; ++i) {
      CHECK(out[static_cast<std::size_t>(i)] == i % 30 + 1000 * (i / 30));
    }
  }
}

struct ProductTiles {
  SharedArray<bf16, 16 * 16> a;
  SharedArray<bf16, 16 * 8> b;
};

// One warp multiplies a [16, 16] with b, given as [16, 8] or, column by column, as [8, 16].
template <bool b_by_column>
__global__ void product_of_tiles(Span<const bf16> a, Span<const bf16> b, Span<float> out) {
  ProductTiles& shared = shared_memory<ProductTiles>();
  const int lane = lane_index();
  copy_async_16(shared.a.span(), lane * 8, a, lane * 8, 8);
  if (lane < 16) copy_async_16(shared.b.span(), lane * 8, b, lane * 8, 8);
  copy_async_commit();
  copy_async_wait<0>();
  warp_barrier(kFullMask);
  std::uint32_t a_fragment[4], b_fragment[2];
  // Matrices in the order (rows 0-7, k 0-7), (rows 8-15, k 0-7), then k 8-15.
  load_matrix<4, false>(a_fragment, shared.a.span(), lane % 16 * 16 + lane / 16 * 8);
  if constexpr (b_by_column) {
    load_matrix<2, false>(b_fragment, shared.b.span(), lane % 8 * 16 + lane / 8 % 2 * 8);
  } else {
    load_matrix<2, true>(b_fragment, shared.b.span(), lane % 16 * 8);
  }
  float sum[4] = {};
  multiply_accumulate(sum, a_fragment, b_fragment);
  for (int i = 0; i < 4; ++i) {
    out[(lane / 4 + 8 * (i / 2)) * 8 + 2 * (lane % 4) + i % 2] = sum[i];
  }
}

TEST_CASE("fragments multiply as the documented layouts say", "[emulator]") {
  std::vector<bf16> a, b_rows(128), b_columns(128);
  for (const float value : normal_values<float>(256, 2)) a.emplace_back(value);
  const auto b = normal_values<float>(128, 3);
  for (std::size_t k = 0; k < 16; ++k) {
    for (std::size_t n = 0; n < 8; ++n) {
      b_rows[k * 8 + n] = b_columns[n * 16 + k] = bf16(b[k * 8 + n]);
    }
  }
  for (const bool by_column : {false, true}) {
    std::vector<float> out(128, NAN);
    const auto kernel = by_column ? product_of_tiles<true> : product_of_tiles<false>;
    const auto& operand = by_column ? b_columns : b_rows;
    CHECK(report_of({.kernel = "product", .block = {32}, .shared_bytes = sizeof(ProductTiles)},
                    kernel, span(a), span(operand), span(out)) == "nothing reported");
    for (std::size_t m = 0; m < 16; ++m) {
      for (std::size_t n = 0; n < 8; ++n) {
        double expected = 0.0;
        for (std::size_t k = 0; k < 16; ++k) {
          expected += static_cast<double>(a[m * 16 + k]) * static_cast<double>(b_rows[k * 8 + n]);
        }
        CHECK(std::abs(out[m * 8 + n] - expected) < 1e-4);
      }
    }
  }
}

// Warps hand one buffer to and fro: 1 says that it is full, 2 that it is empty.
__global__ void producer_and_consumer(Span<float> out) {
  const auto shared = shared_memory<Floats<32>>().values.span();
  for (int round = 0; round < 3; ++round) {
    if (warp_index() == 0) {
      if (round > 0) named_barrier(2, 64);
      shared.store(lane_index(), static_cast<float>(round * 32 + lane_index()));
      named_barrier(1, 64);
    } else {
      named_barrier(1, 64);
      out[round * 32 + lane_index()] = shared.load(31 - lane_index());
      if (round < 2) named_barrier(2, 64);
    }
  }
}

TEST_CASE("named barriers bring some warps together", "[emulator]") {
  for (const Schedule& schedule : kSchedules) {
    const emulation::WithSchedule with(schedule);
    std::vector<float> out(96, -1.0f);
    CHECK(report_of({.kernel = "pipe", .block = {64}, .shared_bytes = 128}, producer_and_consumer,
                    span(out)) == "nothing reported");
    for (int i = 0; i < 96; ++i) {
      const int sent = i / 32 * 32 + 31 - i % 32;
      CHECK(out[static_cast<std::size_t>(i)] == static_cast<float>(sent));
    }
  }
}

__global__ void votes_and_shuffles(Span<std::uint32_t> out) {
  const int lane = lane_index();
  const std::uint32_t odd = 0xAAAAAAAAu;
  std::uint32_t word = ballot(kFullMask, lane % 3 == 0);
  if (lane % 2 == 1) word += shuffle(odd, static_cast<std::uint32_t>(lane), 5);
  word += 100000u * shuffle_down(kFullMask, static_cast<std::uint32_t>(lane), 4);
  out[lane] = word;
}

TEST_CASE("votes and shuffles of part of a warp", "[emulator]") {
  std::vector<std::uint32_t> out(32);
  CHECK(report_of({.kernel = "votes", .block = {32}}, votes_and_shuffles, span(out)) ==
        "nothing reported");
  std::uint32_t ballot_of_thirds = 0;
  for (unsigned lane = 0; lane < 32; lane += 3) ballot_of_thirds |= 1u << lane;
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    CHECK(out[lane] ==
          ballot_of_thirds + (lane % 2 == 1 ? 5u : 0u) + 100000u * (lane < 28 ? lane + 4 : lane));
  }
}

__global__ void add_to_one(Span<float> total, Span<std::uint32_t> count) {
  atomic_add(total, 0, 1.0f);
  atomic_add(count, 0, 1u);
}

TEST_CASE("atomic additions of blocks on several cores are all counted", "[emulator]") {
  std::vector<float> total(1, 0.0f);
  std::vector<std::uint32_t> count(1, 0);
  CHECK(report_of({.kernel = "add", .grid = {100}, .block = {64}}, add_to_one, span(total),
                  span(count)) == "nothing reported");
  CHECK(total[0] == 6400.0f);
  CHECK(count[0] == 6400u);
}

__global__ void copy_with_zeros(Span<const float> in, Span<float> out) {
  const auto shared = shared_memory<Floats<8>>().values.span();
  copy_async_16(shared, 0, in, 0, 4);
  copy_async_commit();
  copy_async_16(shared, 4, in, 4, 1);
  copy_async_commit();
  copy_async_wait<1>();
  for (int i = 0; i < 4; ++i) out[i] = shared.load(i);
  copy_async_wait<0>();
  for (int i = 4; i < 8; ++i) out[i] = shared.load(i);
}

TEST_CASE("asynchronous copies arrive group by group, with zeros past the end", "[emulator]") {
  alignas(16) float in[8] = {1, 2, 3, 4, 5};
  std::vector<float> out(8, -1.0f);
  CHECK(report_of({.kernel = "copy", .block = {1}, .shared_bytes = 128}, copy_with_zeros,
                  Span<const float>(in, 5), span(out)) == "nothing reported");
  CHECK(out == std::vector<float>{1, 2, 3, 4, 5, 0, 0, 0});
}

__global__ void by_parts(Span<const float> in, Span<float> out) {
  const auto shared = shared_memory<Floats<8>>().values.span();
  const auto eight = load_8(in, 2);
  const auto sixteen = load_16(in, 4);
  shared.store_pair(0, {eight[0], eight[1]});
  shared.store_16(4, sixteen);
  const auto pair = shared.load_pair(4);
  store_8(out, 0, {{pair.first, shared.load(7)}});
  store_16(out, 4, {{shared.load(0), shared.load(1), sixteen[1], sixteen[2]}});
}

TEST_CASE("accesses of 8 and 16 bytes move what they say", "[emulator]") {
  alignas(16) const float in[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  alignas(16) float out[8] = {};
  CHECK(report_of({.kernel = "parts", .block = {1}, .shared_bytes = 128}, by_parts,
                  Span<const float>(in, 8), Span<float>(out, 8)) == "nothing reported");
  CHECK(std::vector<float>(out, out + 8) == std::vector<float>{4, 7, 0, 0, 2, 3, 5, 6});
}

// ---- What a wrong kernel does ----

__global__ void no_barrier(Span<float> out) {
  const auto shared = shared_memory<Floats<64>>().values.span();
  const int thread = thread_index().x;
  shared.store(thread, static_cast<float>(thread));
  out[thread] = shared.load(63 - thread);
}

TEST_CASE("a missing block barrier is reported under every schedule", "[emulator]") {
  for (const Schedule& schedule : kSchedules) {
    const emulation::WithSchedule with(schedule);
    std::vector<float> out(64);
    const auto report = report_of({.kernel = "no_barrier", .block = {64}, .shared_bytes = 256},
                                  no_barrier, span(out));
    // Whoever comes first reads what is not there yet; where the other comes first, it is a race.
    check_contains(report, {"[no_barrier] block (0, 0, 0), thread (", "emulator_test.cpp:"});
    CHECK((report.find("reads shared memory that no thread of the block wrote") !=
               std::string::npos ||
           report.find("with no barrier between") != std::string::npos));
  }
}

__global__ void missing_second_barrier(Span<float> out) {
  const auto shared = shared_memory<Floats<64>>().values.span();
  const int thread = thread_index().x;
  for (int round = 0; round < 2; ++round) {
    shared.store(thread, static_cast<float>(thread + round));
    block_barrier();
    out[thread] = shared.load(63 - thread);
  }
}

TEST_CASE("a buffer that is used again without a barrier is reported", "[emulator]") {
  for (const Schedule& schedule : kSchedules) {
    const emulation::WithSchedule with(schedule);
    std::vector<float> out(64);
    const auto report = report_of({.kernel = "reuse", .block = {64}, .shared_bytes = 256},
                                  missing_second_barrier, span(out));
    check_contains(report, {"[reuse] block (0, 0, 0), thread (", "shared memory that thread ",
                            "with no barrier between"});
  }
}

__global__ void shuffle_is_no_barrier(Span<float> out) {
  const auto shared = shared_memory<Floats<32>>().values.span();
  shared.store(lane_index(), 1.0f);
  const float other = shuffle_xor(kFullMask, 2.0f, 1);
  out[lane_index()] = other + shared.load(31 - lane_index());
}

TEST_CASE("a shuffle orders no memory", "[emulator]") {
  std::vector<float> out(32);
  check_contains(report_of({.kernel = "shuffle", .block = {32}, .shared_bytes = 128},
                           shuffle_is_no_barrier, span(out)),
                 {"[shuffle] block (0, 0, 0), thread (", "reads shared memory that thread ",
                  "with no barrier between"});
}

__global__ void two_writers() {
  const auto shared = shared_memory<Floats<4>>().values.span();
  if (thread_index().x % 32 == 7) shared.store(3, 1.0f);
  block_barrier();
}

TEST_CASE("two threads that write one shared word between barriers are reported", "[emulator]") {
  check_contains(
      report_of({.kernel = "writers", .grid = {1, 2}, .block = {64}, .shared_bytes = 128},
                two_writers),
      {"[writers] block (0, ", "thread (39, 0, 0): writes shared memory that thread 7 wrote",
       "with no barrier between"});
}

__global__ void half_a_barrier() {
  if (thread_index().x < 32) block_barrier();
}

TEST_CASE("a barrier that half a block reaches is reported", "[emulator]") {
  check_contains(report_of({.kernel = "half", .grid = {3}, .block = {64}}, half_a_barrier),
                 {"[half] block (", "thread (32, 0, 0): exits, but the block's barrier",
                  "was reached by threads 0 to 31 (32 of 64)"});
  const emulation::WithSchedule with(Schedule::reverse());
  check_contains(report_of({.kernel = "half", .block = {64}}, half_a_barrier),
                 {"thread (31, 0, 0): reaches the block's barrier, which thread 63 never did"});
}

__global__ void two_barriers() {
  if (thread_index().x < 32) {
    block_barrier();
  } else {
    block_barrier();
  }
}

TEST_CASE("a block that waits at two barriers at once is reported", "[emulator]") {
  check_contains(report_of({.kernel = "two", .block = {64}}, two_barriers),
                 {"[two] block (0, 0, 0), thread (32, 0, 0): reaches the block's barrier, while "
                  "thread 0 waits at another place"});
}

__global__ void shuffle_after_exit(Span<float> out) {
  if (lane_index() >= 30) return;
  out[lane_index()] = shuffle_xor(kFullMask, 1.0f, 1);
}

TEST_CASE("a shuffle whose mask names an exited lane is reported", "[emulator]") {
  std::vector<float> out(64);
  check_contains(report_of({.kernel = "exited", .block = {64}}, shuffle_after_exit, span(out)),
                 {"[exited] block (0, 0, 0), thread (30, 0, 0): exits, but shuffle_xor",
                  "waits for lane 30, which its mask 0xffffffff names"});
  const emulation::WithSchedule with(Schedule::reverse());
  check_contains(
      report_of({.kernel = "exited", .block = {64}}, shuffle_after_exit, span(out)),
      {"thread (61, 0, 0): shuffle_xor whose mask 0xffffffff names lane 30, which has exited"});
  check_contains(report_of({.kernel = "exited", .block = {20}}, shuffle_after_exit, span(out)),
                 {"names lane 20, which the block lacks"});
}

__global__ void shuffle_from_outside(Span<float> out) {
  if (lane_index() < 16) out[lane_index()] = shuffle(0xFFFFu, 1.0f, 20);
}

__global__ void shuffle_by_outsider(Span<float> out) {
  out[lane_index()] = shuffle(0xFFFFu, 1.0f, 2);
}

TEST_CASE("shuffles that leave their mask are reported", "[emulator]") {
  std::vector<float> out(32);
  check_contains(report_of({.kernel = "outside", .block = {32}}, shuffle_from_outside, span(out)),
                 {"a shuffle reads from a lane that its mask leaves out"});
  check_contains(report_of({.kernel = "outsider", .block = {32}}, shuffle_by_outsider, span(out)),
                 {"thread (16, 0, 0): shuffle by lane 16, which its mask 0x0000ffff leaves out"});
}

__global__ void past_the_end(Span<const float> in, Span<float> out) {
  const int i = block_index().x * 32 + thread_index().x;
  out[i] = in[i + 1];
}

__global__ void past_the_shared_end(Span<float> out) {
  const auto shared = shared_memory<Floats<32>>().values.span();
  shared.store(lane_index(), 1.0f);
  warp_barrier(kFullMask);
  out[lane_index()] = shared.load(lane_index() + 1);
}

__global__ void misaligned(Span<const float> in, Span<float> out) { out[0] = load_16(in, 1)[0]; }

__global__ void misaligned_half(Span<const float> in, Span<float> out) {
  out[0] = load_8(in, 1)[0];
}

TEST_CASE("accesses past the end of a span, and unaligned ones, are reported", "[emulator]") {
  alignas(16) float in[64] = {};
  std::vector<float> out(64);
  check_contains(report_of({.kernel = "past", .grid = {2}, .block = {32}}, past_the_end,
                           Span<const float>(in, 64), span(out)),
                 {"[past] block (1, 0, 0), thread (31, 0, 0): [span] expected an index below 64, "
                  "got 64"});
  check_contains(report_of({.kernel = "shared", .block = {32}, .shared_bytes = 128},
                           past_the_shared_end, span(out)),
                 {"thread (31, 0, 0): an access past the end of a shared span"});
  check_contains(report_of({.kernel = "vector", .block = {1}}, misaligned,
                           Span<const float>(in, 64), span(out)),
                 {"a 16-byte load from an address that 16 does not divide"});
  check_contains(report_of({.kernel = "half", .block = {1}}, misaligned_half,
                           Span<const float>(in, 64), span(out)),
                 {"[half] block (0, 0, 0), thread (0, 0, 0): ", "address that 8 does not divide"});
  check_contains(report_of({.kernel = "small", .block = {32}, .shared_bytes = 64},
                           past_the_shared_end, span(out)),
                 {"uses 128 bytes of shared memory, the launch gave 64"});
}

template <int groups_left, bool barrier>
__global__ void late_copy(Span<const float> in, Span<float> out) {
  const auto shared = shared_memory<Floats<256>>().values.span();
  const int thread = thread_index().x;
  copy_async_16(shared, thread * 4, in, thread * 4, 4);
  copy_async_commit();
  copy_async_wait<groups_left>();
  if constexpr (barrier) block_barrier();
  out[thread] = shared.load((thread + 1) % 64 * 4);
}

TEST_CASE("a missing wait for an asynchronous copy is reported", "[emulator]") {
  alignas(16) float in[256] = {};
  std::vector<float> out(64);
  const LaunchShape shape{.kernel = "late", .block = {64}, .shared_bytes = 1024};
  const Span<const float> source(in, 256);
  CHECK(report_of(shape, late_copy<0, true>, source, span(out)) == "nothing reported");
  for (const Schedule& schedule : kSchedules) {
    const emulation::WithSchedule with(schedule);
    check_contains(report_of(shape, late_copy<1, true>, source, span(out)),
                   {"[late] block (0, 0, 0), thread (",
                    "reads shared memory to which an "
                    "asynchronous copy of thread ",
                    "is under way: nobody waited for it"});
    // Waited for, but only by the thread that copied.
    CHECK(report_of(shape, late_copy<0, false>, source, span(out)) != "nothing reported");
  }
}

__global__ void copy_over_readers(Span<const float> in, Span<float> out) {
  const auto shared = shared_memory<Floats<4>>().values.span();
  if (thread_index().x == 0) {
    for (int i = 0; i < 4; ++i) shared.store(i, 1.0f);
  }
  block_barrier();
  if (thread_index().x == 0) out[0] = shared.load(1);
  if (thread_index().x == 32) copy_async_16(shared, 0, in, 0, 4);
}

TEST_CASE("an asynchronous copy over what others still read is reported", "[emulator]") {
  alignas(16) float in[4] = {};
  std::vector<float> out(1);
  for (const Schedule& schedule : kSchedules) {
    const emulation::WithSchedule with(schedule);
    const auto report = report_of({.kernel = "over", .block = {64}, .shared_bytes = 128},
                                  copy_over_readers, Span<const float>(in, 4), span(out));
    CHECK((report.find("writes shared memory that thread 0 read") != std::string::npos ||
           report.find("is under way") != std::string::npos));
  }
}

__global__ void wait_for_ever() { named_barrier(1 + warp_index(), 64); }

__global__ void crossed_shuffles(Span<float> out) {
  if (lane_index() < 16) {
    out[lane_index()] = shuffle_xor(kFullMask, 1.0f, 1);
  } else {
    out[lane_index()] = shuffle_xor(kFullMask, 1.0f, 2);
  }
}

TEST_CASE("a deadlock is reported with who waits where", "[emulator]") {
  check_contains(report_of({.kernel = "ever", .block = {64}}, wait_for_ever),
                 {"[ever] block (0, 0, 0), thread (0, 0, 0): deadlock:",
                  "threads 0 to 31 wait at barrier 1 (emulator_test.cpp:",
                  "threads 32 to 63 wait at barrier 2 (emulator_test.cpp:", "of 64"});
  std::vector<float> out(32);
  check_contains(report_of({.kernel = "crossed", .block = {32}}, crossed_shuffles, span(out)),
                 {"deadlock: threads 0 to 15 wait at shuffle_xor (", "threads 16 to 31 wait at"});
}

__global__ void odd_named_barrier() { named_barrier(1, 33); }

__global__ void barrier_of_two_sizes() { named_barrier(1, warp_index() == 0 ? 64 : 32); }

TEST_CASE("impossible barriers and launches are reported", "[emulator]") {
  check_contains(report_of({.kernel = "odd", .block = {64}}, odd_named_barrier),
                 {"a named barrier is 1 to 15 and has a multiple of 32 threads"});
  check_contains(report_of({.kernel = "sizes", .block = {64}}, barrier_of_two_sizes),
                 {"reaches barrier 1 as one of 32, while thread 0 is one of 64"});
  check_contains(report_of({.kernel = "large", .block = {1025}}, odd_named_barrier),
                 {"a block has 1 to 1024 threads, got 1025"});
  check_contains(
      report_of({.kernel = "greedy", .block = {32}, .shared_bytes = 300000}, odd_named_barrier),
      {"a block has at most 232448 bytes of shared memory, got 300000"});
}

TEST_CASE("after an error the emulator goes on", "[emulator]") {
  std::vector<float> out(64);
  CHECK(report_of({.kernel = "half", .block = {64}}, half_a_barrier) != "nothing reported");
  std::vector<std::int32_t> places_out(10);
  CHECK(report_of({.kernel = "places", .block = {5, 2}}, places, span(places_out)) ==
        "nothing reported");
}

}  // namespace
}  // namespace obverse::tests
