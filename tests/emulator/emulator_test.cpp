// Small wrong kernels, each of which must be reported with kernel, block, thread and reason.
// right_kernels_test.cpp has the right ones.
#include "tests/emulator/emulator.h"

#include <string>
#include <vector>

#include "tests/emulator/reported.h"

namespace obverse::tests {
namespace {

using namespace kernels::cuda;  // NOLINT: a kernel file's own namespace
using emulation::Schedule;
using kernels::Span;

void check_contains(const std::string& report, const std::vector<std::string>& parts) {
  INFO(report);
  for (const std::string& part : parts) {
    INFO("lacks: " << part);
    CHECK(report.find(part) != std::string::npos);
  }
}

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
