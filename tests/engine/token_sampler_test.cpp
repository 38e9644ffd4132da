// Shuffles by number, and windows of a token stream.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "engine/data/keyed_permutation.h"
#include "engine/data/next_token_source.h"
#include "engine/data/window_source.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_files.h"

namespace obverse::tests {
namespace {

using engine::Document;
using engine::Example;
using engine::KeyedPermutation;
using engine::NextTokenSource;
using engine::TokenShards;
using engine::WindowSource;

using Ids = std::vector<std::int32_t>;
constexpr std::int32_t kIgnored = kernels::kIgnoredTarget;

std::vector<std::int64_t> order_of(std::int64_t size, std::uint64_t seed, std::uint64_t step = 0) {
  const KeyedPermutation permutation(size, {seed, kernels::Purpose::data_order, step});
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < size; ++i) order.push_back(permutation.at(i));
  return order;
}

TEST_CASE("a keyed permutation visits everything once", "[token_sampler]") {
  for (const std::int64_t size : {1, 2, 3, 4, 5, 8, 97, 128, 1000, 1024, 1025}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      auto order = order_of(size, seed);
      std::sort(order.begin(), order.end());
      std::vector<std::int64_t> expected(order.size());
      std::iota(expected.begin(), expected.end(), 0);
      INFO("size " << size);
      REQUIRE(order == expected);
    }
  }
}

// Far apart values stay apart and in range, without an array of their number.
TEST_CASE("a keyed permutation takes ranges of any size", "[token_sampler]") {
  for (const std::int64_t size : {(std::int64_t{1} << 40) + 15, std::int64_t{1} << 52}) {
    const KeyedPermutation permutation(size, {3, kernels::Purpose::data_order, 1});
    std::set<std::int64_t> found;
    double mean = 0.0;
    for (std::int64_t i = 0; i < 2000; ++i) {
      const std::int64_t value = permutation.at(i < 1000 ? i : size - i);
      REQUIRE((value >= 0 && value < size));
      found.insert(value);
      mean += static_cast<double>(value) / static_cast<double>(size) / 2000.0;
    }
    CHECK(found.size() == 2000);
    CHECK(std::abs(mean - 0.5) < 5.0 / std::sqrt(12.0 * 2000.0));
  }
  CHECK(error_of([] { KeyedPermutation(0, {}); }) ==
        "[permutation] expected a size in [1, 2^52], got 0");
  CHECK(error_of([] { KeyedPermutation((std::int64_t{1} << 52) + 1, {}); }) ==
        "[permutation] expected a size in [1, 2^52], got 4503599627370497");
  CHECK(error_of([] { KeyedPermutation(5, {}).at(5); }) ==
        "[permutation] expected an index below 5, got 5");
}

// Each of the 24 or 120 orders comes as often as any other: Pearson's statistic is near its degrees
// of freedom, five deviations allowed.
TEST_CASE("keyed permutations of few items are uniform", "[token_sampler]") {
  for (const std::int64_t size : {3, 4, 5}) {
    std::map<std::vector<std::int64_t>, double> seen;
    constexpr std::uint64_t kKeys = 6000;
    for (std::uint64_t step = 0; step < kKeys; ++step) seen[order_of(size, 9, step)] += 1.0;
    const double orders = size == 3 ? 6.0 : size == 4 ? 24.0 : 120.0;
    const double expected = static_cast<double>(kKeys) / orders;
    double statistic = (orders - static_cast<double>(seen.size())) * expected;
    for (const auto& [order, count] : seen) {
      statistic += (count - expected) * (count - expected) / expected;
    }
    INFO("size " << size << ", statistic " << statistic);
    CHECK(seen.size() == static_cast<std::size_t>(orders));
    CHECK(std::abs(statistic - (orders - 1)) < 5.0 * std::sqrt(2.0 * (orders - 1)));
  }
}

TEST_CASE("a keyed permutation leaves no runs", "[token_sampler]") {
  const auto order = order_of(4096, 1);
  int neighbours = 0, in_place = 0;
  for (std::size_t i = 1; i < order.size(); ++i) neighbours += order[i] == order[i - 1] + 1 ? 1 : 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    in_place += order[i] == static_cast<std::int64_t>(i) ? 1 : 0;
  }
  // One of each is expected; more than eight come once in a million.
  CHECK(neighbours <= 8);
  CHECK(in_place <= 8);
  CHECK(order != order_of(4096, 2));
  CHECK(order != order_of(4096, 1, 1));
}

TEST_CASE("a draw has its epoch's place", "[token_sampler]") {
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    const auto order = order_of(7, 5, static_cast<std::uint64_t>(epoch));
    for (std::int64_t i = 0; i < 7; ++i) {
      const engine::EpochDraw drawn = engine::epoch_draw(7 * epoch + i, 7, 5);
      CHECK(drawn.epoch == epoch);
      CHECK(drawn.item == order[static_cast<std::size_t>(i)]);
    }
  }
  CHECK_THAT(error_of([] { engine::epoch_draw(-1, 7, 5); }), ContainsSubstring("got draw -1 of 7"));
}

// A stream whose token at place p is p.
class Stream {
 public:
  explicit Stream(std::int32_t tokens, const std::vector<std::uint8_t>& mask = {}) {
    Ids ids(static_cast<std::size_t>(tokens));
    std::iota(ids.begin(), ids.end(), 0);
    const auto path = folder_.path() / "train_0.bin";
    write_tokens(path, 1000, ids);
    if (!mask.empty()) write_mask(engine::mask_path(path), mask);
    shards_.emplace_back(folder_.path(), engine::Split::train, 1000);
  }
  const TokenShards& shards() const { return shards_.front(); }

 private:
  TemporaryFolder folder_;
  std::vector<TokenShards> shards_;
};

Ids window_of(WindowSource& source, std::int64_t draw) {
  Document document;
  source.document(draw, document, nullptr);
  return document.tokens;
}

TEST_CASE("windows visit the stream once an epoch, cut at another place each time",
          "[token_sampler]") {
  for (const auto& [tokens, sequence, windows, offsets] : {std::tuple(103, 10, 9, 10),
                                                           {100, 10, 9, 10},
                                                           {99, 10, 8, 10},
                                                           {11, 10, 1, 1},
                                                           {15, 10, 1, 5},
                                                           {20, 10, 1, 10},
                                                           {31, 10, 2, 10},
                                                           {50, 1, 49, 1}}) {
    const Stream stream(tokens);
    WindowSource source(stream.shards(), sequence, 3);
    INFO(tokens << " tokens in windows of " << sequence);
    CHECK(source.epoch() == windows);
    CHECK(source.longest() == sequence + 1);
    std::set<std::int32_t> starts;
    for (std::int64_t epoch = 0; epoch < 60; ++epoch) {
      std::set<std::int32_t> begins;
      for (std::int64_t i = 0; i < source.epoch(); ++i) {
        const Ids window = window_of(source, epoch * source.epoch() + i);
        REQUIRE(window.size() == static_cast<std::size_t>(sequence) + 1);
        for (std::size_t j = 1; j < window.size(); ++j) REQUIRE(window[j] == window[j - 1] + 1);
        REQUIRE(window.back() < tokens);
        begins.insert(window.front());
      }
      // Side by side: each token in them is asked for once.
      REQUIRE(static_cast<int>(begins.size()) == windows);
      REQUIRE(*begins.rbegin() - *begins.begin() == (windows - 1) * sequence);
      for (const std::int32_t begin : begins) {
        REQUIRE((begin - *begins.begin()) % sequence == 0);
      }
      starts.insert(*begins.begin());
    }
    CHECK(*starts.begin() == 0);
    CHECK(*starts.rbegin() == offsets - 1);
    CHECK(static_cast<int>(starts.size()) == offsets);
  }
}

TEST_CASE("a window depends on seed and draw alone, whoever draws it", "[token_sampler]") {
  const Stream stream(103);
  WindowSource source(stream.shards(), 10, 3), other(stream.shards(), 10, 4);
  std::vector<Ids> expected, others;
  for (std::int64_t draw = 0; draw < 30; ++draw) {
    expected.push_back(window_of(source, draw));
    others.push_back(window_of(other, draw));
  }
  CHECK(others != expected);
  for (std::int64_t draw = 29; draw >= 0; --draw) {
    CHECK(window_of(source, draw) == expected[static_cast<std::size_t>(draw)]);
  }
  WindowSource resumed(stream.shards(), 10, 3);
  CHECK(window_of(resumed, 17) == expected[17]);
  std::vector<Ids> of_ranks(30);
  for (std::int64_t rank = 0; rank < 3; ++rank) {
    WindowSource own(stream.shards(), 10, 3);
    for (std::int64_t i = 0; i < 10; ++i) {
      of_ranks[static_cast<std::size_t>(i * 3 + rank)] =
          window_of(own, engine::draw_of_rank(i, rank, 3));
    }
  }
  CHECK(of_ranks == expected);
}

TEST_CASE("a window needs a stream that is longer", "[token_sampler]") {
  const Stream stream(10);
  CHECK(WindowSource(stream.shards(), 9, 1).epoch() == 1);
  for (const std::int64_t sequence : {10, 0, -1}) {
    CHECK(error_of([&] { WindowSource(stream.shards(), sequence, 1); }) ==
          "[windows] expected a sequence above 0 and below the stream's 10 tokens, got " +
              std::to_string(sequence));
  }
}

TEST_CASE("windows become next-token examples", "[token_sampler]") {
  const Stream stream(9, {1, 1, 0, 1, 1, 1, 0, 1, 1});
  WindowSource windows(stream.shards(), 8, 1);
  REQUIRE(windows.epoch() == 1);
  NextTokenSource source(windows);
  CHECK(source.longest() == 8);
  CHECK(source.epoch() == 1);
  Example example{{1, 2}, {3, 4}, 1, 0.5f, {0, 1}};
  source.make(0, example);
  CHECK(example.inputs == Ids{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(example.targets == Ids{1, kIgnored, 3, 4, 5, kIgnored, 7, 8});
  CHECK(example.first_keys.empty());
  CHECK(example.prefix == 0);
  CHECK(example.weight == 1.0f);
  NextTokenSource apart(windows, 3);  // 3 ends a document
  apart.make(0, example);
  CHECK(example.inputs == Ids{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(example.targets == Ids{1, kIgnored, 3, kIgnored, 5, kIgnored, 7, 8});
  CHECK(example.first_keys == Ids{0, 0, 0, 0, 4, 4, 4, 4});
  const auto* memory = example.inputs.data();
  apart.make(1, example);
  CHECK(example.inputs.data() == memory);
}

}  // namespace
}  // namespace obverse::tests
