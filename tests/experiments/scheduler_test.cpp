#include "experiments/reversal_curse/scheduler.h"

#include <cstdio>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/reversal_curse/grid.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;
using tests::TemporaryFolder;

GridOptions tiny_grid() {
  GridOptions grid;
  grid.objectives = {"causal", "masked_uniform"};
  grid.axes["world.name_tokens"] = {2};
  grid.axes["world.pairs"] = {20};
  grid.axes["architecture.layers"] = {1};
  grid.axes["architecture.width"] = {16};
  grid.axes["architecture.heads"] = {2};
  grid.seeds = {0, 1};
  grid.axes["world.unseen_pairs"] = {4};
  grid.axes["training.steps"] = {5};
  return grid;
}

// The devices of this test program: the emulator's has its own alone.
std::vector<std::string> device_names() {
#ifdef OBVERSE_EMULATED
  return {"cuda"};
#else
  std::vector<std::string> names{"cpu"};
  if (engine::Device::why_no_cuda().empty()) names.emplace_back("cuda");
  return names;
#endif
}

json record_of(const std::vector<RunSettings>& runs) {
  json grid = {{"runs", json::array()}};
  for (const RunSettings& run : runs) grid["runs"].push_back(to_json(run));
  return grid;
}

// Progress goes to a file that nobody sees; a test may read it.
class Log {
 public:
  Log() : file_(std::tmpfile()) { REQUIRE(file_ != nullptr); }
  ~Log() { std::fclose(file_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  std::FILE* file() const { return file_; }
  std::string text() const {
    std::rewind(file_);
    std::string text;
    for (int c; (c = std::fgetc(file_)) != EOF;) text += static_cast<char>(c);
    return text;
  }

 private:
  std::FILE* file_;
};

SchedulerResult run_all(const std::vector<RunSettings>& runs, int jobs, const TemporaryFolder& to,
                        const Log& log, bool stopped = false) {
  RunStore store(to.path(), record_of(runs));
  std::atomic<bool> stop{stopped};
  return run_missing(runs, jobs, store, stop, log.file());
}

// results.jsonl by settings, without what a clock decides.
std::map<std::string, json> lines_of(const TemporaryFolder& folder) {
  std::map<std::string, json> lines;
  std::istringstream text(tests::read_file(folder.path() / "results.jsonl"));
  for (std::string line; std::getline(text, line);) {
    json run = json::parse(line);
    run.erase("seconds");
    const std::string settings = run.at("settings").dump();
    CHECK(lines.count(settings) == 0);
    lines[settings] = run;
  }
  return lines;
}

TEST_CASE("results do not depend on how many runs go at a time", "[scheduler][device]") {
  for (const std::string& device : device_names()) {
    GridOptions grid = tiny_grid();
    grid.device = device;
    if (device == "cuda") {  // emulated, perhaps
      grid.axes["world.pairs"] = {8};
      grid.axes["world.unseen_pairs"] = {2};
      grid.axes["architecture.heads"] = {1};
      grid.axes["training.batch"] = {2};
    }
    const std::vector<RunSettings> runs = expand(grid);
    const TemporaryFolder one, two;
    const Log log;
    CHECK(run_all(runs, 1, one, log).finished == 4);
    CHECK(run_all(runs, 3, two, log).finished == 4);
    CHECK(lines_of(one).size() == 4);
    CHECK(lines_of(one) == lines_of(two));
    for (const auto& [settings, line] : lines_of(one)) CHECK(line.at("device") == device);
  }
}

TEST_CASE("a stop ends the runs in flight and the next call goes on", "[scheduler]") {
  std::vector<RunSettings> runs = expand(tiny_grid());
  const TemporaryFolder folder, straight;
  const Log log;
  const SchedulerResult nothing = run_all(runs, 2, folder, log, true);
  CHECK(nothing.stopped);
  CHECK(nothing.finished == 0);
  CHECK(lines_of(folder).empty());

  // The first runs, then all: as after a kill.
  {
    RunStore store(folder.path(), record_of(runs));
    std::atomic<bool> stop{false};
    const auto first = run(runs[0], stop, [](std::int64_t) {});
    REQUIRE(first);
    store.append(to_json(runs[0]), *first);
  }
  const SchedulerResult rest = run_all(runs, 1, folder, log);
  CHECK(rest.finished == 3);
  CHECK_FALSE(rest.stopped);
  const SchedulerResult none_left = run_all(runs, 2, folder, log);
  CHECK(none_left.finished == 0);
  run_all(runs, 1, straight, log);
  CHECK(lines_of(folder) == lines_of(straight));
}

TEST_CASE("a run that is stopped half-way gives no result", "[scheduler]") {
  const RunSettings settings = expand(tiny_grid()).front();
  std::atomic<bool> stop{false};
  int steps = 0;
  const auto result = run(settings, stop, [&](std::int64_t) { stop = ++steps == 3; });
  CHECK_FALSE(result);
  CHECK(steps == 3);
}

TEST_CASE("a run that diverges is told and the others finish", "[scheduler]") {
  std::vector<RunSettings> runs = expand(tiny_grid());
  runs[1].training.schedule.peak = 1e6;
  runs[1].training.schedule.warm_up_steps = 0;
  runs[1].training.schedule.steps = 50;
  const TemporaryFolder folder;
  const Log log;
  const SchedulerResult result = run_all(runs, 2, folder, log);
  CHECK(result.finished == 3);
  CHECK(result.failed == 1);
  CHECK_FALSE(result.stopped);
  CHECK(lines_of(folder).size() == 3);
  CHECK(lines_of(folder).count(to_json(runs[1]).dump()) == 0);
  CHECK(log.text().find("masked_uniform, name tokens 2, pairs 20, unseen pairs 4, layers 1, "
                        "width 16, seed 0: training diverged at step ") != std::string::npos);
}

}  // namespace
}  // namespace obverse::reversal
