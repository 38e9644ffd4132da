// Attention over sequences of several documents.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/backends/attention_run.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using Case = AttentionCase;

TEMPLATE_TEST_CASE("attention stays in each document", "[attention]", OBVERSE_BACKEND_TYPES) {
  // Several in a block of keys, several blocks in one, and rows whose first blocks hold nothing.
  const std::vector<std::int32_t> lengths{70, 3, 1, 130, 27};
  for (const std::int64_t head_size : {24, 64, 128}) {
    if (kIsSlow<TestType> && head_size == 128) continue;
    Case c = make_case(head_size, 171, AttentionMask::causal, 2, 1, 2);
    set_documents(c, lengths);
    check_case<TestType>(c, head_size == 64 ? Direction::both_in_every_mode : Direction::both);
    c.alibi = true;
    c.gap = 3;
    c.lengths = {171, 90};
    c.shape.sequence = kIsSlow<TestType> ? 101 : 171;
    if (kIsSlow<TestType>) c.lengths = {101, 72};
    set_documents(c, lengths);
    check_case<TestType>(c);
  }
  Case c = make_case(256, 113, AttentionMask::causal);
  set_documents(c, lengths);
  check_case<TestType>(c, Direction::forward);
}

// The longest document ends where blocks of every size do.
TEMPLATE_TEST_CASE("attention leaves out what no query of a block sees", "[attention]",
                   OBVERSE_BACKEND_TYPES) {
  for (const std::int64_t head_size : {32, 64, 128}) {
    if (kIsSlow<TestType> && head_size == 128) continue;
    Case c = make_case(head_size, 150, AttentionMask::causal, 2, 1);
    set_documents(c, {128, 22});
    const auto packed = normal_in<TestType>(c.packed_size(), 1);
    const auto upstream = normal_in<TestType>(c.outputs(), 2);
    const std::int64_t stride = c.stride(), width = c.shape.heads * c.shape.head_size;
    struct Result {
      std::vector<TestType> out, gradient;
    };
    const auto with_poisoned = [&](std::int64_t begin, std::int64_t end, bool deterministic) {
      auto values = packed, gradients = upstream;
      std::fill(values.begin() + begin * stride, values.begin() + end * stride, TestType(NAN));
      std::fill(gradients.begin() + begin * width, gradients.begin() + end * width, TestType(NAN));
      AttentionRun<TestType> run(c, values);
      run.forward();
      return Result{run.out(), run.gradient(gradients, deterministic)};
    };
    const auto tokens = [](const std::vector<TestType>& values, std::int64_t begin,
                           std::int64_t end, std::int64_t size) {
      return std::vector<TestType>(values.begin() + begin * size, values.begin() + end * size);
    };
    INFO(c.text());
    const Result clean = with_poisoned(0, 0, true);
    for (const bool deterministic : {true, false}) {
      if (!deterministic && kIsSlow<TestType>) continue;
      for (const auto& [begin, end] : {std::pair(0, 128), {128, 150}}) {
        const Result found = with_poisoned(128 - begin, begin == 0 ? 150 : 128, deterministic);
        check_same_bits(tokens(found.out, begin, end, width), tokens(clean.out, begin, end, width),
                        "out");
        const auto gradient = tokens(found.gradient, begin, end, stride);
        if (deterministic) {
          check_same_bits(gradient, tokens(clean.gradient, begin, end, stride), "gradient");
        } else {
          const auto number = [](TestType x) { return std::isfinite(static_cast<double>(x)); };
          CHECK(std::all_of(gradient.begin(), gradient.end(), number));
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("attention clamps first keys", "[attention]", OBVERSE_BACKEND_TYPES) {
  if constexpr (kOnCpu) {
    SUCCEED("the CPU kernels name them instead: tests/kernels/attention_errors_test.cpp");
  } else {
    Case c = make_case(32, 70, AttentionMask::causal);
    for (std::int32_t i = 0; i < 70; ++i) c.first_keys.push_back(i < 30 ? -5 : i < 50 ? 30 : 1000);
    auto expected = c;
    for (std::int32_t i = 0; i < 70; ++i) {
      std::int32_t& first = expected.first_keys[static_cast<std::size_t>(i)];
      first = std::clamp(first, 0, i);
    }
    const auto packed = normal_in<TestType>(c.packed_size(), 1);
    const auto upstream = normal_in<TestType>(c.outputs(), 2);
    AttentionRun<TestType> run(c, packed), clamped(expected, packed);
    run.forward();
    clamped.forward();
    check_same_bits(run.out(), clamped.out(), "out");
    check_same_bits(run.gradient(upstream, true), clamped.gradient(upstream, true), "gradient");
    // Those that fall mean nothing, but nothing outside of the arrays is touched.
    for (std::int32_t i = 0; i < 70; ++i) {
      c.first_keys[static_cast<std::size_t>(i)] = i * 37 % 70 - 3;
    }
    AttentionRun<TestType> falling(c, packed);
    falling.forward();
    CHECK(falling.gradient(upstream, true).size() == packed.size());
    CHECK(falling.gradient(upstream, false).size() == packed.size());
  }
}

}  // namespace
}  // namespace obverse::tests
