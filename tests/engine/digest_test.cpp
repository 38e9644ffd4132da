#include "engine/files/digest.h"

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace obverse::engine {
namespace {

TEST_CASE("a digest depends on every bit and on the size", "[digest]") {
  std::vector<std::byte> bytes(150);
  std::set<std::string> seen;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    CHECK(seen.insert(digest_of(bytes.data(), static_cast<std::int64_t>(size))).second);
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= std::byte{1} << bit % 8;
    CHECK(seen.insert(digest_of(bytes.data(), static_cast<std::int64_t>(bytes.size()))).second);
    bytes[bit / 8] ^= std::byte{1} << bit % 8;
  }
  // Nor does it only add words up: two that change places are told apart.
  bytes[0] = std::byte{1};
  const std::string before = digest_of(bytes.data(), 150);
  for (const std::size_t place : {8, 32, 64, 128}) {
    std::swap(bytes[0], bytes[place]);
    CHECK(digest_of(bytes.data(), 150) != before);
    std::swap(bytes[0], bytes[place]);
  }
  for (const std::string& digest : seen) {
    CHECK(digest.size() == 16);
    CHECK(digest.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
}

}  // namespace
}  // namespace obverse::engine
