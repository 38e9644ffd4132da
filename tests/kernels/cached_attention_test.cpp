#include "kernels/cached_attention/cached_attention.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kernels/attention/attention.h"
#include "tests/backends/cached_attention_reference.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/threads.h"

namespace obverse::tests {
namespace {

template <typename T>
struct Arrays {
  std::vector<T> packed, keys, values, out, slopes;

  explicit Arrays(const CachedCase& c)
      : packed(normal_values<T>(c.packed_size(), 1)),
        keys(normal_values<T>(c.cache_size(), 2)),
        values(normal_values<T>(c.cache_size(), 3)),
        out(static_cast<std::size_t>(c.outputs()), std::numeric_limits<T>::quiet_NaN()),
        slopes(c.slopes<T>()) {}

  kernels::CachedAttention<T> call(const CachedCase& c) {
    kernels::CachedAttention<T> x;
    x.shape = c.shape;
    x.packed = span(std::as_const(packed));
    x.positions = span(c.positions);
    x.counts = span(c.counts);
    x.slopes = span(std::as_const(slopes));
    x.cache_key = span(keys);
    x.cache_value = span(values);
    x.out = span(out);
    return x;
  }
};

TEMPLATE_TEST_CASE("cached attention equals plain loops", "[cached_attention]", float, double) {
  using T = TestType;
  for (const bool alibi : {false, true}) {
    for (CachedCase c : {CachedCase::of(5, 2, 2, 9, 1, {0, 3, 8}),
                         CachedCase::of(64, 6, 2, 70, 3, {0, 67, 70, 40}, {3, 2, 0, 1}),
                         CachedCase::of(17, 4, 1, 300, 2, {250, 0})}) {
      c.alibi = alibi;
      INFO(c.text());
      Arrays<T> arrays(c);
      const auto keys = filled_cache(c, arrays.packed, arrays.keys, false);
      const auto values = filled_cache(c, arrays.packed, arrays.values, true);
      Arrays<T> filled(c);
      kernels::cpu::fill_cache(filled.call(c));
      check_same_bits(filled.keys, keys, "keys that are only written");
      check_same_bits(filled.values, values, "values that are only written");
      kernels::cpu::cached_attention(arrays.call(c));
      check_same_bits(arrays.keys, keys, "keys");
      check_same_bits(arrays.values, values, "values");
      check_close(arrays.out, plain_cached_attention<double>(c, arrays.packed, keys, values),
                  16 * unit<T>(), 1.0, "out");
    }
  }
}

// A text read token by token gives what attention over the whole text gives.
TEST_CASE("cached attention is causal attention", "[cached_attention]") {
  constexpr std::int64_t kSequence = 12;
  const CachedCase whole = CachedCase::of(8, 4, 2, kSequence, kSequence, {0});
  Arrays<double> arrays(whole);
  std::vector<double> expected(arrays.out.size()), log_sum_exp(4 * kSequence);
  const auto packed = span(std::as_const(arrays.packed));
  const auto from = [&](std::int64_t head) {
    return kernels::HeadView<const double>{packed.subspan(head * 8, packed.size() - head * 8),
                                           whole.width()};
  };
  kernels::cpu::attention_forward<double>({.shape = {.batch = 1,
                                                     .sequence = kSequence,
                                                     .heads = 4,
                                                     .key_value_heads = 2,
                                                     .head_size = 8,
                                                     .scale = whole.shape.scale},
                                           .query = from(0),
                                           .key = from(4),
                                           .value = from(6),
                                           .out = span(expected),
                                           .log_sum_exp = span(log_sum_exp)});
  Arrays<double> cache(whole);
  std::vector<double> outputs;
  for (std::int32_t i = 0; i < kSequence; ++i) {
    const CachedCase one = CachedCase::of(8, 4, 2, kSequence, 1, {i});
    const auto begin = arrays.packed.begin() + i * whole.width();
    cache.packed.assign(begin, begin + whole.width());
    cache.out.resize(static_cast<std::size_t>(one.outputs()));
    kernels::cpu::cached_attention(cache.call(one));
    outputs.insert(outputs.end(), cache.out.begin(), cache.out.end());
  }
  check_close(outputs, expected, 1e-14, 1.0, "outputs");
}

TEST_CASE("cached attention has the same bits with one thread and with two", "[cached_attention]") {
  const CachedCase c = CachedCase::of(64, 4, 2, 600, 4, {500, 596, 33});
  const auto run = [&](int threads) {
    const WithThreads with_threads(threads);
    Arrays<float> arrays(c);
    kernels::cpu::cached_attention(arrays.call(c));
    return arrays.out;
  };
  check_same_bits(run(2), run(1), "out");
}

TEST_CASE("cached attention on the CPU checks positions and counts", "[cached_attention]") {
  CachedCase c = CachedCase::of(8, 2, 1, 5, 2, {0, 3});
  Arrays<float> arrays(c);
  const auto before = arrays.keys;
  const auto error = [&](const std::vector<std::int32_t>& positions,
                         const std::vector<std::int32_t>& counts) {
    c.positions = positions;
    c.counts = counts;
    const std::string message = error_of([&] { kernels::cpu::cached_attention(arrays.call(c)); });
    CHECK(error_of([&] { kernels::cpu::fill_cache(arrays.call(c)); }) == message);
    return message;
  };
  CHECK(error({0, 4}, {}) ==
        "[cached_attention] expected positions of at least 0 and, with 2 new tokens, at most 3, "
        "got 4 for row 1");
  CHECK(error({-1, 3}, {}) ==
        "[cached_attention] expected positions of at least 0 and, with 2 new tokens, at most 3, "
        "got -1 for row 0");
  CHECK(error({0, 3}, {2, 3}) == "[cached_attention] expected counts in [0, 2], got 3 for row 1");
  CHECK(error({0, 3}, {-1, 2}) == "[cached_attention] expected counts in [0, 2], got -1 for row 0");
  check_same_bits(arrays.keys, before, "keys");
  CHECK(error({5, 4}, {0, 1}) == "nothing thrown");
}

}  // namespace
}  // namespace obverse::tests
