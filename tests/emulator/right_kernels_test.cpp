// Small kernels that are right, under every schedule. emulator_test.cpp has the wrong ones.
#include <cmath>
#include <vector>

#include "tests/emulator/reported.h"

namespace obverse::tests {
namespace {

using namespace kernels::cuda;  // NOLINT: a kernel file's own namespace
using emulation::Schedule;
using kernels::bf16;
using kernels::Span;

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

}  // namespace
}  // namespace obverse::tests
