#include "experiments/generate/utf8_stream.h"

#include <string>
#include <utility>
#include <vector>

#include "experiments/generate/ordered_output.h"
#include "tests/generate/utf8.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using generation::OrderedOutput;
using generation::Utf8Stream;

// One, two, three and four bytes a character, the first and the last of each.
const std::string kText =
    "a\x7F \xC2\x80\xDF\xBF \xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBD "
    "\xF0\x90\x80\x80\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF.";

TEST_CASE("characters come whole however their bytes are cut", "[utf8]") {
  CHECK(is_utf8(kText));
  for (std::size_t size = 1; size <= 5; ++size) {
    for (std::size_t first = 0; first < size; ++first) {
      Utf8Stream stream;
      std::string all = stream.push(kText.substr(0, first));
      for (std::size_t at = first; at < kText.size(); at += size) {
        const std::string piece = stream.push(kText.substr(at, size));
        CHECK(is_utf8(piece));
        all += piece;
      }
      CHECK(stream.finish().empty());
      CHECK(all == kText);
    }
  }
}

TEST_CASE("a character comes with its last byte", "[utf8]") {
  Utf8Stream stream;
  CHECK(stream.push("\xF0\x9F").empty());
  CHECK(stream.push("").empty());
  CHECK(stream.push("\x98").empty());
  CHECK(stream.push("\x80x") == "\xF0\x9F\x98\x80x");
  CHECK(stream.finish().empty());
}

// The examples of the Unicode Standard, chapter 3, each "?" a U+FFFD.
TEST_CASE("what is no character becomes replacement characters", "[utf8]") {
  const std::pair<std::string, std::string> examples[] = {{"a\xF1\x80\x80\xE1\x80\xC2"
                                                           "b\x80"
                                                           "c\x80\xBF"
                                                           "d",
                                                           "a???b?c??d"},
                                                          {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                                                           "A",
                                                           "????????A"},
                                                          {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF"
                                                           "A",
                                                           "????????A"},
                                                          {"\xF4\x91\x92\x93\xFF"
                                                           "A\x80\xBF"
                                                           "B",
                                                           "?????A??B"},
                                                          {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                                                           "A",
                                                           "????A"},
                                                          {"x\xF0\x9F\x98", "x?"},
                                                          {"\xC3", "?"},
                                                          {"\xC3\xC3\xA9", "?\xC3\xA9"}};
  for (const auto& [bytes, marks] : examples) {
    std::string expected;
    for (const char mark : marks) expected += mark == '?' ? "\xEF\xBF\xBD" : std::string(1, mark);
    for (const std::size_t size : {1, 2, 100}) {
      Utf8Stream stream;
      std::string all;
      for (std::size_t at = 0; at < bytes.size(); at += size) {
        const std::string piece = stream.push(bytes.substr(at, size));
        CHECK(is_utf8(piece));
        all += piece;
      }
      all += stream.finish();
      CHECK(all == expected);
      CHECK(stream.finish().empty());
    }
  }
}

TEST_CASE("texts that come about together are written in order", "[generate_output]") {
  std::vector<std::string> written;
  OrderedOutput out(4, [&](const std::string& text) { written.push_back(text); });
  const auto so_far = [&] { return std::exchange(written, {}); };
  using Texts = std::vector<std::string>;
  out.write(0, "a");
  CHECK(so_far() == Texts{"a"});
  out.write(1, "b");
  out.write(2, "c");
  out.write(0, "a2");
  CHECK(so_far() == Texts{"a2"});
  out.close(2);
  CHECK(so_far().empty());
  out.close(0);
  CHECK(so_far() == Texts{"b"});
  out.write(1, "b2");
  CHECK(so_far() == Texts{"b2"});
  out.write(3, "d");
  out.write(1, "");
  CHECK(so_far().empty());
  out.close(1);
  CHECK(so_far() == Texts{"c", "d"});
  out.write(3, "d2");
  out.close(3);
  CHECK(so_far() == Texts{"d2"});
}

}  // namespace
}  // namespace obverse::tests
