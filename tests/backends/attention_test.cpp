#include "kernels/attention/attention.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/backends/attention_run.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using Case = AttentionCase;

constexpr AttentionMask kMasks[] = {AttentionMask::causal, AttentionMask::bidirectional,
                                    AttentionMask::prefix};

TEMPLATE_TEST_CASE("attention follows the rule for every mask, length and head size", "[attention]",
                   OBVERSE_BACKEND_TYPES) {
  // 24 fills no padded head, 33 and 7 start at no multiple of 16 bytes.
  int mask_of_first = 0;
  for (const std::int64_t head_size : {7, 16, 24, 32, 33, 64, 80, 128}) {
    // Every mask at every length, but of each head size one.
    int mask = mask_of_first++;
    for (const std::int64_t sequence : {1, 17, 64, 113, 203, 239}) {
      ++mask;
      if (kIsSlow<TestType> && sequence > (head_size == 32 ? 239 : 64)) continue;
      // One query's gradient is one rounding error times its key, and the plain one another: only
      // of many are the largest alike.
      const bool is_short = sequence <= 17;
      check_case<TestType>(is_short ? make_case(head_size, sequence, kMasks[mask % 3], 4, 2, 3)
                                    : make_case(head_size, sequence, kMasks[mask % 3]));
    }
  }
}

TEMPLATE_TEST_CASE("attention shares keys among groups of heads", "[attention]",
                   OBVERSE_BACKEND_TYPES) {
  for (const std::int64_t head_size : {32, 64, 128}) {
    for (const AttentionMask mask : kMasks) {
      check_case<TestType>(head_size == 64 ? make_case(head_size, 113, mask, 4, 2)
                                           : make_case(head_size, 65, mask, 3, 1, 2));
    }
  }
}

TEMPLATE_TEST_CASE("attention stops at each sequence's length", "[attention]",
                   OBVERSE_BACKEND_TYPES) {
  for (const std::int64_t head_size : {16, 64, 128}) {
    if (kIsSlow<TestType> && head_size != 64) continue;
    for (const AttentionMask mask : kMasks) {
      Case c = make_case(head_size, 131, mask, 2, 1, 5);
      c.lengths = {0, 1, 64, 70, 131};
      check_case<TestType>(c);
    }
  }
}

TEMPLATE_TEST_CASE("attention takes ALiBi slopes and packed projections with gaps", "[attention]",
                   OBVERSE_BACKEND_TYPES) {
  for (const std::int64_t head_size : {32, 64, 128}) {
    for (const AttentionMask mask : kMasks) {
      Case c = make_case(head_size, 100, mask, 2, 1, 2);
      c.alibi = true;
      // Of whole chunks of 16 bytes; not; and only the first token's start not.
      c.gap = mask == AttentionMask::bidirectional ? 3 : 8;
      c.start = mask == AttentionMask::prefix ? 1 : 0;
      c.lengths = {77, 100};
      check_case<TestType>(c);
    }
  }
}

TEMPLATE_TEST_CASE("attention clamps lengths and prefixes", "[attention]", OBVERSE_BACKEND_TYPES) {
  if constexpr (kOnCpu) {
    SUCCEED("the CPU kernels name them instead: tests/kernels/attention_errors_test.cpp");
  } else {
    Case c = make_case(32, 70, AttentionMask::prefix, 2, 1, 3);
    c.lengths = {-3, 1000, 40};
    c.prefixes = {5, -7, 1000};
    check_case<TestType>(c);
  }
}

TEMPLATE_TEST_CASE("attention forward takes heads of up to 256", "[attention]",
                   OBVERSE_BACKEND_TYPES) {
  for (const AttentionMask mask : kMasks) {
    Case c = make_case(256, 113, mask, 2, 1, 1);
    check_case<TestType>(c, Direction::forward);
    c = make_case(200, 65, mask);
    c.alibi = true;
    check_case<TestType>(c, Direction::forward);
  }
}

TEMPLATE_TEST_CASE("attention walks many blocks", "[attention]", OBVERSE_BACKEND_TYPES) {
  const auto direction = kIsSlow<TestType> ? Direction::forward : Direction::both;
  check_case<TestType>(make_case(16, 799, AttentionMask::causal), direction);
  check_case<TestType>(make_case(16, 799, AttentionMask::prefix), Direction::forward);
}

TEMPLATE_TEST_CASE("attention keeps large scores apart", "[attention]", OBVERSE_BACKEND_TYPES) {
  // Maxima that rise from block to block, by factors beyond float's range if they were not taken
  // out.
  Case c = make_case(32, 239, AttentionMask::bidirectional);
  c.shape.scale = 4.0;
  auto packed = normal_in<TestType>(c.packed_size(), 1);
  for (std::int64_t i = 0; i < c.tokens(); ++i) {
    TestType& first = packed[static_cast<std::size_t>(i * c.stride())];
    TestType& of_key = packed[static_cast<std::size_t>(i * c.stride() + 32)];
    first = TestType(1.0f);
    of_key = TestType(static_cast<float>(i));
  }
  const Plain<TestType, double> reference(c, packed, {});
  const Plain<TestType, float> plain(c, packed, {});
  AttentionRun<TestType> run(c, packed);
  run.forward();
  check_flash_rule(run.out(), in_type<TestType>(plain.out), reference.out, "out");
  check_close(run.log_sum_exp(), reference.log_sum_exp, 1e-5, 1.0, "log_sum_exp");
}

TEMPLATE_TEST_CASE("attention has the same bits whatever the schedule", "[attention]",
                   OBVERSE_BACKEND_TYPES) {
  for (const std::int64_t head_size : {32, 64, 128}) {
    const std::int64_t sequence = kIsSlow<TestType> ? 70 : 150;
    Case c = make_case(head_size, sequence, AttentionMask::causal, 2, 1, 2);
    c.lengths = {static_cast<std::int32_t>(sequence), 66};
    if (head_size == 32) set_documents(c, {40, 1, 90});
    const auto packed = normal_in<TestType>(c.packed_size(), 1);
    const auto output_gradient = normal_in<TestType>(c.outputs(), 2);
    std::vector<TestType> out, gradient;
    std::vector<Accumulator<TestType>> log_sum_exp;
    INFO(c.text());
    for_schedules(
        [&] {
          AttentionRun<TestType> run(c, packed);
          run.forward();
          const auto this_gradient = run.gradient(output_gradient, true);
          if (out.empty()) {
            out = run.out();
            log_sum_exp = run.log_sum_exp();
            gradient = this_gradient;
          }
          check_same_bits(run.out(), out, "out");
          check_same_bits(run.log_sum_exp(), log_sum_exp, "log_sum_exp");
          check_same_bits(this_gradient, gradient, "gradient");
        },
        5);
  }
}

// The mode that adds in any order is right in every order.
TEMPLATE_TEST_CASE("attention backward may add in any order", "[attention]",
                   OBVERSE_BACKEND_TYPES) {
  const Case c = make_case(64, kIsSlow<TestType> ? 70 : 150, AttentionMask::causal, 2, 1);
  for_schedules([&] { check_case<TestType>(c, Direction::both_in_every_mode); });
}

TEMPLATE_TEST_CASE("attention names what it does not take", "[attention]", OBVERSE_BACKEND_TYPES) {
  const Case c = make_case(16, 5, AttentionMask::causal, 2, 1);
  Buffer<TestType> values(normal_in<TestType>(5 * 257 * 4, 1));
  auto out = Buffer<TestType>::poisoned(c.outputs());
  auto rows = Buffer<Accumulator<TestType>>::poisoned(c.rows());
  kernels::AttentionForward<TestType> good;
  good.shape = c.shape;
  good.query = {values.span(), 32};
  good.key = good.value = {values.span(), 16};
  good.out = out.span();
  good.log_sum_exp = rows.span();
  auto x = good;
  const auto message = [&] { return error_of([&] { OBVERSE_RUN(attention_forward, x); }); };
  CHECK(message() == "nothing thrown");
  x.shape.heads = 3;
  x.shape.key_value_heads = 2;
  CHECK(message() == "[attention_forward] expected key_value_heads to divide heads, got 2 and 3");
  x = good;
  x.query.stride = 31;
  CHECK(message() == "[attention_forward] expected a stride of at least 32 for query, got 31");
  x = good;
  x.log_sum_exp = rows.span().subspan(0, 9);
  CHECK(message() == "[attention_forward] expected log_sum_exp of 10 elements, got 9");
  x = good;
  x.shape.mask = AttentionMask::prefix;
  CHECK(message() == "[attention_forward] expected prefixes of 1 elements, got 0");
  if constexpr (!kOnCpu) {
    x = good;
    x.shape.scale = -1.0;
    CHECK(message() == "[attention_forward] expected a scale above 0, got -1");
    const auto large = [&](std::int64_t head_size, auto arguments) {
      arguments.shape = make_case(head_size, 1, AttentionMask::causal).shape;
      arguments.query = arguments.key = arguments.value = {values.span(), head_size};
      return arguments;
    };
    auto large_out = Buffer<TestType>::poisoned(257);
    x = large(257, good);
    x.out = large_out.span();
    x.log_sum_exp = rows.span().subspan(0, 1);
    CHECK(message() == "[attention_forward] expected head_size of at most 256, got 257");
    auto backward = large(129, kernels::AttentionBackward<TestType>());
    backward.out = backward.output_gradient = large_out.span().subspan(0, 129);
    backward.log_sum_exp = rows.span().subspan(0, 1);
    backward.query_gradient = backward.key_gradient = backward.value_gradient = {out.span(), 129};
    CHECK(error_of([&] { OBVERSE_RUN(attention_backward, backward); }) ==
          "[attention_backward] expected head_size of at most 128, got 129");
  }
}

}  // namespace
}  // namespace obverse::tests
