#include "kernels/cached_attention/cached_attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/cached_attention_reference.h"
#include "tests/backends/guarded.h"
#include "tests/backends/pointwise_cases.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using kernels::Accumulator;

template <typename T>
struct Arrays {
  std::vector<T> packed, keys, values, out;
};

template <typename T>
Arrays<T> random_arrays(const CachedCase& c) {
  return {normal_in<T>(c.packed_size(), 1), normal_in<T>(c.cache_size(), 2),
          normal_in<T>(c.cache_size(), 3),
          std::vector<T>(static_cast<std::size_t>(c.outputs()), T(7.0f))};
}

// The arrays after a call; all but the small ones begin `shift` elements past an aligned address.
template <typename T>
Arrays<T> run(const CachedCase& c, const Arrays<T>& before, bool attends = true,
              std::int64_t shift = 0) {
  Guarded<T> packed(before.packed, shift), keys(before.keys, shift), values(before.values, shift);
  auto out = Guarded<T>::poisoned(c.outputs(), shift);
  Guarded<std::int32_t> positions(c.positions, 1), counts(c.counts, 1);
  Guarded<Accumulator<T>> slopes(c.slopes<Accumulator<T>>(), 1);
  kernels::CachedAttention<T> x;
  x.shape = c.shape;
  x.packed = packed.span();
  x.positions = positions.span();
  x.counts = counts.span();
  x.slopes = slopes.span();
  x.cache_key = keys.span();
  x.cache_value = values.span();
  if (attends) {
    x.out = out.span();
    OBVERSE_RUN(cached_attention, x);
  } else {
    OBVERSE_RUN(fill_cache, x);
  }
  check_same_bits(packed.to_vector(), before.packed, "packed");
  return {before.packed, keys.to_vector(), values.to_vector(), out.to_vector()};
}

template <typename T>
std::vector<T> rounded(const std::vector<float>& values) {
  return std::vector<T>(values.begin(), values.end());
}

template <typename T>
void check_case(const CachedCase& c, std::int64_t shift = 0) {
  INFO(c.text() << ", shift " << shift);
  const Arrays<T> before = random_arrays<T>(c);
  const Arrays<T> after = run(c, before, true, shift);
  const auto keys = filled_cache(c, before.packed, before.keys, false);
  const auto values = filled_cache(c, before.packed, before.values, true);
  check_same_bits(after.keys, keys, "keys");
  check_same_bits(after.values, values, "values");
  check_flash_rule(after.out,
                   rounded<T>(plain_cached_attention<float>(c, before.packed, keys, values)),
                   plain_cached_attention<double>(c, before.packed, keys, values), c.text());
  for (std::int64_t row = 0; row < c.shape.batch; ++row) {
    for (std::int64_t i = c.count(row); i < c.shape.added; ++i) {
      const std::int64_t width = c.shape.heads * c.shape.head_size;
      const auto begin = after.out.begin() + (row * c.shape.added + i) * width;
      CHECK(std::all_of(begin, begin + width,
                        [](const T& value) { return static_cast<float>(value) == 0.0f; }));
    }
  }
  const Arrays<T> filled = run(c, before, false, shift);
  check_same_bits(filled.keys, keys, "keys that are only written");
  check_same_bits(filled.values, values, "values that are only written");
}

TEMPLATE_TEST_CASE("cached attention equals plain loops at every head size", "[cached_attention]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const std::int64_t head_size : {6, 8, 12, 16, 32, 40, 64, 80, 128, 132, 256}) {
    // Of an empty cache, of a short one, of one that becomes full.
    check_case<T>(CachedCase::of(head_size, 2, 2, 9, 1, {0, 3, 8}));
  }
  check_case<T>(CachedCase::of(64, 2, 1, 9, 1, {0, 3}), 1);
  check_case<T>(CachedCase::of(64, 1, 1, 9, 1, {0, 3}), 16);
}

TEMPLATE_TEST_CASE("cached attention joins runs of keys", "[cached_attention]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  // A run has 128 keys: one less, as many, one more, several, and rows of few beside them.
  check_case<T>(CachedCase::of(16, 1, 1, 300, 1, {126, 127, 128, 299, 0, 255}));
  check_case<T>(CachedCase::of(64, 1, 1, 300, 1, {130, 280}));
  check_case<T>(CachedCase::of(64, 4, 2, 300, 1, {130, 5, 280}));
  check_case<T>(CachedCase::of(132, 1, 1, 260, 1, {140}), 1);
}

TEMPLATE_TEST_CASE("cached attention takes several tokens, some of them padding",
                   "[cached_attention]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  check_case<T>(CachedCase::of(16, 2, 2, 20, 3, {0, 7, 17}));
  check_case<T>(CachedCase::of(16, 6, 2, 20, 3, {0, 18, 20, 4}, {3, 2, 0, 1}));
  // Across the end of a run, and more queries than a block has.
  check_case<T>(CachedCase::of(16, 2, 1, 150, 5, {125, 128, 0}, {5, 4, 1}));
  CachedCase alibi = CachedCase::of(16, 3, 1, 150, 2, {0, 140, 63}, {2, 1, 2});
  alibi.alibi = true;
  check_case<T>(alibi);
}

TEMPLATE_TEST_CASE("cached attention continues what it has written", "[cached_attention]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  // All at once, or token by token.
  const CachedCase whole = CachedCase::of(16, 2, 1, 10, 6, {2});
  const Arrays<T> start = random_arrays<T>(whole);
  const Arrays<T> at_once = run(whole, start);
  Arrays<T> arrays = start;
  std::vector<T> outputs;
  for (std::int32_t i = 0; i < 6; ++i) {
    const CachedCase one = CachedCase::of(16, 2, 1, 10, 1, {2 + i});
    const auto begin = start.packed.begin() + i * one.width();
    arrays.packed.assign(begin, begin + one.width());
    arrays = run(one, arrays);
    outputs.insert(outputs.end(), arrays.out.begin(), arrays.out.end());
  }
  check_same_bits(arrays.keys, at_once.keys, "keys");
  check_same_bits(outputs, at_once.out, "outputs");
}

// The same row alone, at another place of a larger batch, and in a larger cache.
TEMPLATE_TEST_CASE("cached attention gives a row the same bits whatever is beside it",
                   "[cached_attention]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const CachedCase alone = CachedCase::of(32, 2, 1, 200, 1, {180});
  const CachedCase among = CachedCase::of(32, 2, 1, 200, 1, {3, 180, 199});
  const Arrays<T> one = random_arrays<T>(alone);
  Arrays<T> three = random_arrays<T>(among);
  std::copy(one.packed.begin(), one.packed.end(), three.packed.begin() + alone.packed_size());
  std::copy(one.keys.begin(), one.keys.end(), three.keys.begin() + alone.cache_size());
  std::copy(one.values.begin(), one.values.end(), three.values.begin() + alone.cache_size());
  const auto out = run(among, three).out;
  const auto begin = out.begin() + alone.outputs();
  const std::vector<T> row(begin, begin + alone.outputs());
  check_same_bits(row, run(alone, one).out, "out");
  const CachedCase roomy = CachedCase::of(32, 2, 1, 333, 1, {180});
  Arrays<T> larger = one;
  larger.keys.resize(static_cast<std::size_t>(roomy.cache_size()));
  larger.values.resize(static_cast<std::size_t>(roomy.cache_size()));
  check_same_bits(run(roomy, larger).out, row, "out of a larger cache");
}

TEMPLATE_TEST_CASE("cached attention gives the same in every order", "[cached_attention]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const CachedCase c = CachedCase::of(16, 4, 2, 150, 3, {140, 20}, {3, 2});
  const Arrays<T> before = random_arrays<T>(c);
  check_deterministic([&] { return run(c, before).out; }, "out");
  check_deterministic([&] { return run(c, before).keys; }, "keys");
  check_deterministic([&] { return run(c, before, false).values; }, "values");
}

TEMPLATE_TEST_CASE("cached attention lets no NaN vanish and spreads none", "[cached_attention]",
                   OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  const CachedCase c = CachedCase::of(16, 1, 1, 150, 1, {140, 20, 140});
  Arrays<T> before = random_arrays<T>(c);
  // A key of row 0, and one behind what row 1 sees.
  before.keys[7 * 16 + 3] = T(std::numeric_limits<float>::quiet_NaN());
  before.values[(150 + 30) * 16] = T(std::numeric_limits<float>::quiet_NaN());
  const auto out = run(c, before).out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    CHECK(std::isnan(static_cast<float>(out[i])) == (i < 16));
  }
}

#ifndef OBVERSE_BACKEND_CPU
TEMPLATE_TEST_CASE("cached attention shows rows that do not fit and writes none of them",
                   "[cached_attention]", OBVERSE_BACKEND_TYPES) {
  using T = TestType;
  for (const std::int64_t capacity : {10, 200}) {
    const auto full = static_cast<std::int32_t>(capacity);
    const CachedCase c = CachedCase::of(16, 2, 1, capacity, 2, {-1, 3, full - 1, full, full - 1, 0},
                                        {2, 2, 2, 0, 1, 9});
    const Arrays<T> before = random_arrays<T>(c);
    const Arrays<T> after = run(c, before);
    CachedCase fitting = c;
    fitting.counts = {0, 2, 0, 0, 1, 2};
    check_same_bits(after.keys, filled_cache(fitting, before.packed, before.keys, false), "keys");
    check_same_bits(run(c, before, false).values,
                    filled_cache(fitting, before.packed, before.values, true), "values");
    for (std::size_t i = 0; i < after.out.size(); ++i) {
      const std::size_t row = i / 64;
      CHECK(std::isnan(static_cast<float>(after.out[i])) == (row == 0 || row == 2));
    }
  }
}
#endif

TEST_CASE("cached attention names what is wrong", "[cached_attention]") {
  const CachedCase c = CachedCase::of(8, 4, 2, 5, 2, {0, 3});
  Buffer<float> packed(normal_in<float>(c.packed_size(), 1)),
      keys(normal_in<float>(c.cache_size(), 2)), values(normal_in<float>(c.cache_size(), 3)),
      out(std::vector<float>(static_cast<std::size_t>(c.outputs())));
  Buffer<std::int32_t> positions(c.positions);
  Buffer<float> slopes(std::vector<float>(3));
  const auto error = [&](const auto& change) {
    kernels::CachedAttention<float> x;
    x.shape = c.shape;
    x.packed = packed.span();
    x.positions = positions.span();
    x.cache_key = keys.span();
    x.cache_value = values.span();
    x.out = out.span();
    change(x);
    return error_of([&] { OBVERSE_RUN(cached_attention, x); });
  };
  CHECK(error([](auto&) {}) == "nothing thrown");
  CHECK(error([](auto& x) { x.shape.added = 0; }) ==
        "[cached_attention] expected sizes above 0, got batch 2, added 0, capacity 5, heads 4, "
        "key_value_heads 2, head_size 8");
  CHECK(error([](auto& x) { x.shape.key_value_heads = 3; }) ==
        "[cached_attention] expected key_value_heads to divide heads, got 3 and 4");
  CHECK(error([](auto& x) { x.packed = x.packed.subspan(1, 255); }) ==
        "[cached_attention] expected packed of 256 elements, got 255");
  CHECK(error([](auto& x) { x.positions = x.positions.subspan(0, 1); }) ==
        "[cached_attention] expected positions of 2 elements, got 1");
  CHECK(error([](auto& x) { x.counts = x.positions.subspan(0, 1); }) ==
        "[cached_attention] expected counts of 2 elements or none, got 1");
  CHECK(error([&](auto& x) { x.slopes = slopes.span(); }) ==
        "[cached_attention] expected slopes of 4 elements or none, got 3");
  CHECK(error([](auto& x) { x.cache_key = x.cache_key.subspan(0, 159); }) ==
        "[cached_attention] expected cache_key of 160 elements, got 159");
  CHECK(error([](auto& x) { x.cache_value = {}; }) ==
        "[cached_attention] expected cache_value of 160 elements, got 0");
  CHECK(error([](auto& x) { x.out = {}; }) ==
        "[cached_attention] expected out of 128 elements, got 0");
  if (kOnCpu) return;
  Buffer<float> many(std::vector<float>(4 * 2 * 8 * 257));
  CHECK(error([&](auto& x) {
          x.shape.head_size = 257;
          x.packed = many.span().subspan(0, 2 * 2 * 8 * 257);
          x.cache_key = x.cache_value = many.span().subspan(0, 2 * 5 * 2 * 257);
          x.out = many.span().subspan(0, 2 * 2 * 4 * 257);
        }) == "[cached_attention] expected a head_size of at most 256, got 257");
}

}  // namespace
}  // namespace obverse::tests
