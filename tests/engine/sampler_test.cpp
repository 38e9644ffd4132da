#include "engine/data/sampler.h"

#include <cstdint>
#include <set>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::Sampler;

std::vector<std::int64_t> epoch_of(Sampler& sampler, std::int64_t size, std::int64_t epoch) {
  std::vector<std::int64_t> items;
  for (std::int64_t i = 0; i < size; ++i) items.push_back(sampler.item(epoch * size + i));
  return items;
}

TEST_CASE("every epoch visits each item once, each in an order of its own", "[sampler]") {
  for (const std::int64_t size : {1, 2, 7, 100}) {
    Sampler sampler(size, 5);
    std::set<std::vector<std::int64_t>> orders;
    for (std::int64_t epoch = 0; epoch < 10; ++epoch) {
      const auto items = epoch_of(sampler, size, epoch);
      CHECK(std::set<std::int64_t>(items.begin(), items.end()).size() == items.size());
      for (const std::int64_t item : items) REQUIRE((item >= 0 && item < size));
      orders.insert(items);
    }
    // 7! = 5040 orders: ten draws all differ but for one time in a hundred, and these are fixed.
    if (size >= 7) CHECK(orders.size() == 10);
  }
}

TEST_CASE("an item depends on seed and draw alone", "[sampler]") {
  constexpr std::int64_t kSize = 10;
  Sampler forwards(kSize, 5), backwards(kSize, 5), other(kSize, 6);
  std::vector<std::int64_t> expected, actual(4 * kSize), others;
  for (std::int64_t draw = 0; draw < 4 * kSize; ++draw) {
    expected.push_back(forwards.item(draw));
    others.push_back(other.item(draw));
  }
  for (std::int64_t draw = 4 * kSize - 1; draw >= 0; --draw) {
    actual[static_cast<std::size_t>(draw)] = backwards.item(draw);
  }
  CHECK(actual == expected);
  CHECK(others != expected);
  CHECK(Sampler(kSize, 5).item(25) == expected[25]);
}

// Any item may come first: 1000 epochs of 5, 200 each, five standard deviations.
TEST_CASE("orders are uniform", "[sampler]") {
  Sampler sampler(5, 1);
  std::vector<int> first(5);
  for (std::int64_t epoch = 0; epoch < 1000; ++epoch) {
    ++first[static_cast<std::size_t>(sampler.item(5 * epoch))];
  }
  for (const int count : first) CHECK(std::abs(count - 200) < 5.0 * std::sqrt(160.0));
}

TEST_CASE("a sampler needs an item", "[sampler]") {
  CHECK(error_of([] { Sampler(0, 1); }) == "[sampler] expected at least one item, got 0");
}

}  // namespace
}  // namespace obverse::tests
