#include "engine/files/shown_json.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/catch.h"

namespace obverse::engine {
namespace {

using nlohmann::json;

std::string shown_text(const std::string& text) { return shown_json(json::parse(text)); }

TEST_CASE("a short JSON value is shown as it is", "[shown_json]") {
  for (const std::string text : {"null", "true", "-7", "0.5", "\"\"", "\"caf\xC3\xA9\"", "[]", "{}",
                                 "[1,[2,3]]", R"({"a":{"b":1},"c":"d"})"}) {
    CHECK(shown_text(text) == text);
  }
}

TEST_CASE("what is nested in two others is told by its kind, however deep it goes",
          "[shown_json]") {
  CHECK(shown_text("[[1,2],[[3],{}]]") == "[[1,2],[an array,an object]]");
  CHECK(shown_text(R"({"a":{"b":[1]},"c":{"d":{}}})") ==
        R"({"a":{"b":an array},"c":{"d":an object}})");
  constexpr std::size_t kDeep = 1'000'000;
  CHECK(shown_text(std::string(kDeep, '[') + std::string(kDeep, ']')) == "[[an array]]");
}

TEST_CASE("a shown JSON value is one short line of UTF-8", "[shown_json]") {
  CHECK(shown_json("a\n\x1B[2J\x7F") == R"("a\n\u001b[2J\u007f")");
  CHECK(shown_json("\xC2\x9B"
                   "2J\xC2\xA0") == "\"\\u009b2J\xC2\xA0\"");
  CHECK(shown_json("\xFF") == "\"\xEF\xBF\xBD\"");
  CHECK(shown_json(std::string(78, 'x')).size() == 80);
  CHECK(shown_json(std::string(79, 'x')) == '"' + std::string(79, 'x') + "...");
  CHECK(shown_json(json(std::vector<int>(1'000'000, 7))).size() == 83);
  CHECK(shown_json({{std::string(1'000'000, 'k'), 1}}).size() == 83);
  // No character is cut in two, wherever the end falls.
  for (const std::string start : {"", "a", "ab", "abc"}) {
    std::string text = start;
    for (int i = 0; i < 30; ++i) text += "\xF0\x9F\x98\x80";
    const std::string line = shown_json(text);
    CHECK(line.size() <= 83);
    CHECK(line.size() >= 79);
    CHECK_NOTHROW(json(line).dump());  // throws where it is no UTF-8
  }
}

TEST_CASE("names are shown without quotes, and deep values are none", "[shown_json]") {
  CHECK(shown_name("layers") == "layers");
  CHECK(shown_name("a\nb\x1b[31m") == "a\\nb\\u001b[31m");
  CHECK(shown_name(std::string(500, 'n')).size() < 90);
  CHECK(parsed_json(R"({"a": [1, {"b": 2}]})").at("a").at(1).at("b") == 2);
  CHECK(parsed_json("{").is_discarded());
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  CHECK(parsed_json(nested(90)).is_array());
  CHECK(parsed_json(nested(200)).is_discarded());
  CHECK(parsed_json("{\"w\": " + nested(500'000) + "}").is_discarded());
}

}  // namespace
}  // namespace obverse::engine
