#include <csignal>
#include <filesystem>
#include <string>

#include "tests/experiments/workplace.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

// Four runs of a moment each, two of which learn their facts.
const std::string kRun =
    "run --pairs 16 --share-both 1 --unseen-pairs 2 --templates 1 --steps 150 --seeds 2 "
    "--objective causal,prefix --name-tokens 1 --layers 2 --width 16 --heads 2 --batch 16 "
    "--learning-rate 0.02 --output out ";
const std::string kProbe = "probe --output out --probes edits --facts 2 ";
constexpr std::size_t kRuns = 4;

std::size_t probes_in(const Workplace& work) {
  return lines_in(read_file(work.at("out/probes.jsonl")));
}

TEST_CASE("probes of kept models are metrics of their arm, and done once", "[command]") {
  const Workplace work;
  REQUIRE(work.run(kRun + "--keep-models").status == 0);
  const Ended ended = work.run(kProbe);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(lines_in(ended.err) == kRuns);
  CHECK(probes_in(work) == kRuns);
  const auto summary = nlohmann::json::parse(read_file(work.at("out/summary.json")));
  CHECK(summary.at("arms")[0].at("metrics").contains("edits.all_weights.done"));

  const std::string before = read_file(work.at("out/probes.jsonl"));
  const Ended again = work.run(kProbe);
  CHECK(again.status == 0);
  CHECK(again.err.empty());
  CHECK(read_file(work.at("out/probes.jsonl")) == before);

  // A line that a kill cut short is done again, and is the same.
  write_file(work.at("out/probes.jsonl"), before.substr(0, before.size() - 30));
  CHECK(work.run(kProbe + "--jobs 1").status == 0);
  CHECK(read_file(work.at("out/probes.jsonl")) == before);

  const Ended other = work.run("probe --output out --probes edits --facts 3");
  CHECK(other.status == 1);
  CHECK(lines_in(other.err) == 1);
  CHECK(other.err.find("probes.jsonl: holds probes of the options") != std::string::npos);

  write_file(work.at("out/probes.jsonl"), before + "{\"probe\": \"edits\"}\n");
  const Ended bad = work.run(kProbe);
  CHECK(bad.status == 1);
  CHECK(bad.err.find("probes.jsonl: line 5: expected a probe of a finished run, found no field "
                     "\"settings\"") != std::string::npos);
}

TEST_CASE("a stopped probe goes on where it was", "[command]") {
  const Workplace work;
  REQUIRE(work.run(kRun + "--keep-models").status == 0);
  CHECK(work.interrupt(kProbe + "--jobs 1", SIGINT, "out/probes.jsonl") == 130);
  const std::size_t first = probes_in(work);
  CHECK(first < kRuns);
  CHECK(work.run(kProbe + "--jobs 1").status == 0);
  CHECK(probes_in(work) == kRuns);
}

TEST_CASE("models that are missing or others' are told and counted", "[command]") {
  const Workplace work;
  REQUIRE(work.run(kRun).status == 0);
  const Ended none = work.run(kProbe);
  CHECK(none.status == 1);
  CHECK(lines_in(none.err) == kRuns + 1);
  CHECK(
      none.err.find("causal, pairs, seed 0: not probed; its weights were not kept (out/models/") !=
      std::string::npos);
  CHECK(none.err.find("4 runs whose weights were not kept") != std::string::npos);
  CHECK_FALSE(fs::exists(work.at("out/probes.jsonl")));

  const Workplace kept;
  REQUIRE(kept.run(kRun + "--keep-models").status == 0);
  std::vector<fs::path> models;
  for (const auto& entry : fs::directory_iterator(kept.at("out/models"))) {
    models.push_back(entry.path());
  }
  REQUIRE(models.size() == kRuns);
  const std::string first = read_file(models[0]), second = read_file(models[1]);
  write_file(models[0], second);
  write_file(models[1], first);
  const Ended swapped = kept.run(kProbe);
  CHECK(swapped.status == 1);
  CHECK(swapped.err.find("found those of other settings") != std::string::npos);
  write_file(models[0], first.substr(0, first.size() / 2));
  write_file(models[1], second);
  const Ended cut = kept.run(kProbe);
  CHECK(cut.status == 1);
  CHECK(cut.err.find("bytes of tensors behind the header, found") != std::string::npos);
}

TEST_CASE("a probe that cannot be done is one line", "[command]") {
  const Workplace work;
  const auto refused = [&](const std::string& arguments, int status, const std::string& words) {
    const Ended ended = work.run(arguments);
    INFO(arguments + ": " + ended.err);
    CHECK(ended.status == status);
    CHECK(lines_in(ended.err) == 1);
    CHECK(ended.err.find(words) != std::string::npos);
  };
  refused("probe --output none", 1, "none: expected a folder of results");
  refused("probe --output none --probes nothing", 2, "expected one of");
  refused("probe --output none --facts 1", 2, "expected --facts from 2 to 1000000, got 1");
  refused("probe --output none --direction 2", 2, "expected --direction from 0 to 1, got 2");
  REQUIRE(work.run("run --world assertions --steps 2 --seeds 1 --objective causal --layers 1 "
                   "--width 16 --heads 2 --batch 8 --output assertions --keep-models")
              .status == 0);
  const Ended assertions = work.run("probe --output assertions --probes edits");
  CHECK(assertions.status == 1);
  CHECK(assertions.err.find("edits, causal, assertions, seed 0: not probed; the facts of the world "
                            "assertions are not pairs of names") != std::string::npos);
}

}  // namespace
}  // namespace obverse::reversal
