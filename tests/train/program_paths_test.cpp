// What obverse-train takes for a path, and what it writes into a file.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/token_files.h"
#include "tests/support/workplace.h"

namespace obverse::train {
namespace {

namespace fs = std::filesystem;
using tests::Ended;
using tests::read_file;
using tests::write_file;

TEST_CASE("a run whose folder has a comma in its name is plotted", "[train]") {
  const tests::Workplace work("obverse-train");
  fs::create_directories(work.at("a,b"));
  write_file(work.at("a,b/metrics.jsonl"),
             R"({"step":1,"loss":1.5,"gradient_norm":1,"learning_rate":0.1,"tokens":8,)"
             R"("seconds":1,"tokens_per_second":8})"
             "\n");
  const Ended ended = work.run("plot a,b");
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(ended.out == "a,b/curves.html\n");
  CHECK(work.run("plot a,b a,b/metrics.jsonl --output c,,d").status == 0);
  CHECK(fs::exists(work.at("c,,d")));
  const std::string name(300, 'n');
  CHECK(work.run("plot " + name).err ==
        "obverse-train: " + name + ": cannot be read: File name too long\n");
  fs::create_directories(work.at("folder/metrics.jsonl"));
  CHECK(work.run("plot folder").err ==
        "obverse-train: folder/metrics.jsonl: cannot be read: Is a directory\n");
}

TEST_CASE("progress is no line of a file where standard output is closed", "[train]") {
  const tests::Workplace work("obverse-train");
  fs::create_directories(work.at("data"));
  std::vector<std::int32_t> ids(400);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i % 7);
  tests::write_tokens(work.at("data/train_000.bin"), 8, ids);
  const Ended ended = work.run_program(
      "/bin/sh", "-c \"exec '" + tests::program_named("obverse-train") +
                     "' --data data --vocabulary 8 --end-of-text 0 --layers 1 --width 16 --heads 2 "
                     "--sequence 16 --batch 2 --steps 3 --threads 1 --output out >&-\"");
  INFO(ended.err);
  CHECK(ended.status == 0);
  std::istringstream metrics(read_file(work.at("out/metrics.jsonl")));
  std::int64_t steps = 0;
  for (std::string line; std::getline(metrics, line); ++steps) {
    CAPTURE(line);
    CHECK(nlohmann::json::accept(line));
  }
  CHECK(steps == 3);
}

}  // namespace
}  // namespace obverse::train
