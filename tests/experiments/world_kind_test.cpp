// Worlds by name: their options, their records, the fingerprint of their files.
#include "experiments/reversal_curse/worlds/world_kind.h"

#include <set>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

WorldKind invented() {
  WorldKind kind;
  kind.name = "invented";
  kind.options = {{"count", "", 3, 1, 9, {}},
                  {"share", "", 0.5, 0.0, 1.0, {}},
                  {"word", "", "plain", 0.0, 0.0, {"plain", "coloured"}}};
  return kind;
}

std::string refusal(const json& given) {
  try {
    complete_options(invented(), given);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("options that are not given are usual") {
  CHECK(complete_options(invented(), json::object()) ==
        json({{"count", 3}, {"share", 0.5}, {"word", "plain"}}));
  CHECK(complete_options(invented(), {{"count", 9}, {"word", "coloured"}}) ==
        json({{"count", 9}, {"share", 0.5}, {"word", "coloured"}}));
}

TEST_CASE("a whole number given for a real one is recorded as a real one") {
  CHECK(complete_options(invented(), {{"share", 1}}).dump() ==
        complete_options(invented(), {{"share", 1.0}}).dump());
  CHECK(complete_options(invented(), {{"share", 0}}).at("share").is_number_float());
}

TEST_CASE("options of another name, type or range are told in one line") {
  CHECK(refusal({{"number", 2}}) ==
        "[invented] expected an option among count share word, got 'number'");
  CHECK(refusal({{"count", 0}}) == "[invented] expected count from 1 to 9, got 0");
  CHECK(refusal({{"count", 10}}) == "[invented] expected count from 1 to 9, got 10");
  CHECK(refusal({{"count", 2.5}}) == "[invented] expected count from 1 to 9, got 2.5");
  CHECK(refusal({{"count", "3"}}) == "[invented] expected count from 1 to 9, got \"3\"");
  CHECK(refusal({{"share", -0.1}}) == "[invented] expected share from 0.0 to 1.0, got -0.1");
  CHECK(refusal({{"share", "half"}}) == "[invented] expected share from 0.0 to 1.0, got \"half\"");
  CHECK(refusal({{"word", "blank"}}) ==
        "[invented] expected word among plain coloured, got \"blank\"");
  CHECK(refusal({{"word", 1}}) == "[invented] expected word among plain coloured, got 1");
}

TEST_CASE("every world's usual options are within its own limits") {
  std::set<std::string> names;
  for (const WorldKind& kind : world_kinds()) {
    CAPTURE(kind.name);
    CHECK(names.insert(kind.name).second);
    CHECK(static_cast<bool>(kind.make) != static_cast<bool>(kind.read));
    CHECK(kind.files.empty() != static_cast<bool>(kind.read));
    json usual;
    std::set<std::string> options;
    for (const WorldOption& option : kind.options) {
      CAPTURE(option.name);
      CHECK(options.insert(option.name).second);
      CHECK_FALSE(option.help.empty());
      usual[option.name] = option.usual;
    }
    CHECK(complete_options(kind, usual) == usual);
    CHECK(options.count("expanded_facts") == 1);
  }
  CHECK(names.count("pairs") == 1);
}

TEST_CASE("a world of no such name is told") {
  CHECK_THROWS_AS(world_kind("pears"), std::invalid_argument);
  try {
    world_kind("pears");
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    CHECK(message.find("pairs") != std::string::npos);
    CHECK(message.find("got 'pears'") != std::string::npos);
  }
}

TEST_CASE("a record holds a world's options, and those of its expansion where it is expanded") {
  WorldSettings settings;
  settings.options = {{"pairs", 40}};
  json record = record_of(settings);
  CHECK(record.at("name") == "pairs");
  CHECK(record.at("pairs") == 40);
  CHECK(record.at("templates") == 3);
  CHECK_FALSE(record.contains("expansion"));
  CHECK_FALSE(record.contains("digest"));
  settings.options["expanded_facts"] = 0.5;
  record = record_of(settings);
  CHECK(record.at("expansion") == 1.0);
  CHECK(record.at("expansion_of") == "all");
}

TEST_CASE("a record of a read world tells its data") {
  WorldSettings settings;
  settings.name = "published";
  settings.data_digest = "0123456789abcdef";
  const json record = record_of(settings);
  CHECK(record.at("digest") == "0123456789abcdef");
  CHECK(record.at("facts_shared_by_seeds") == true);
  CHECK_THROWS_WITH(make_world(settings, 0), "[published] expected --data DIR, got none");
}

TEST_CASE("a fingerprint tells contents, names and their order") {
  const tests::TemporaryFolder folder;
  const auto write = [&folder](const char* name, const std::string& text) {
    tests::write_file(folder.path() / name, text);
  };
  write("a", "one");
  write("b", "two");
  const std::string digest = digest_of(folder.path(), {"a", "b"});
  CHECK(digest.size() == 16);
  CHECK(digest_of(folder.path(), {"a", "b"}) == digest);
  CHECK(digest_of(folder.path(), {"b", "a"}) != digest);
  CHECK(digest_of(folder.path(), {"a"}) != digest);
  // Where one file ends and the next begins is part of it.
  write("a", "onet");
  write("b", "wo");
  CHECK(digest_of(folder.path(), {"a", "b"}) != digest);
  // FNV-1a, 64 bits, of "c:0:".
  CHECK(digest_of(folder.path(), {"c"}) == "80dd9f91ecd97166");
}

}  // namespace obverse::reversal
