#include "experiments/reversal_curse/run_store.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using tests::read_file;
using tests::TemporaryFolder;
using tests::write_file;

json settings(int seed) { return {{"objective", "causal"}, {"seed", seed}}; }

json grid_of(int runs) {
  json grid = {{"command", "a command"}, {"runs", json::array()}};
  for (int seed = 0; seed < runs; ++seed) grid["runs"].push_back(settings(seed));
  return grid;
}

RunResult result_of(int seed) {
  RunResult result;
  result.objective = "causal";
  result.architecture = result.world = result.training = json::object();
  result.seed = static_cast<std::uint64_t>(seed);
  result.steps = 10;
  result.tokens = 1000 + seed;
  result.device = "cpu";
  result.directions = {"forward", "backward"};
  result.outcomes[0] = {{1, 0, true, true, 4, -0.5, -3.0}, {2, 0, false, true, 4, -1.5, -2.0}};
  result.curve = {{1, 4.5, 0.0, 0.0}, {10, 0.5, 0.5, 0.0}};
  return result;
}

// The message of the std::runtime_error that `call` throws, or "nothing thrown".
template <typename Call>
std::string failure_of(const Call& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing thrown";
}

// Files beyond `bytes` cannot be written while it lives: what a full disk looks like to a program.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_CASE("what is appended is there when the folder is opened again", "[run_store]") {
  const TemporaryFolder folder;
  const fs::path output = folder.path() / "deep" / "runs";
  {
    RunStore store(output, grid_of(3));
    CHECK(store.size() == 0);
    store.append(settings(2), result_of(2));
    store.append(settings(0), result_of(0));
    CHECK(store.size() == 2);
  }
  const RunStore store(output, grid_of(3));
  CHECK(store.size() == 2);
  CHECK(store.contains(settings(0)));
  CHECK_FALSE(store.contains(settings(1)));
  CHECK(store.contains(settings(2)));

  const StoredGrid stored = read_stored_grid(output);
  CHECK(stored.grid == grid_of(3));
  REQUIRE(stored.results.size() == 2);  // in the grid's order
  CHECK(to_json(stored.results[0]) == to_json(result_of(0)));
  CHECK(to_json(stored.results[1]) == to_json(result_of(2)));
}

TEST_CASE("a torn last line is dropped and the next line stands in its place", "[run_store]") {
  const TemporaryFolder folder;
  const fs::path results = folder.path() / "results.jsonl";
  {
    RunStore store(folder.path(), grid_of(2));
    store.append(settings(0), result_of(0));
  }
  const std::string whole = read_file(results);
  write_file(results, whole + whole.substr(0, whole.size() / 2));
  {
    RunStore store(folder.path(), grid_of(2));
    CHECK(store.size() == 1);
    CHECK(read_file(results) == whole);
    store.append(settings(1), result_of(1));
  }
  CHECK(read_stored_grid(folder.path()).results.size() == 2);
}

TEST_CASE("a line that is no run is an error that names file and line", "[run_store]") {
  const TemporaryFolder folder;
  const fs::path results = folder.path() / "results.jsonl";
  {
    RunStore store(folder.path(), grid_of(2));
    store.append(settings(0), result_of(0));
  }
  const std::string before = read_file(results) + "{\"settings\": 1}\n";
  write_file(results, before);
  const std::string expected =
      results.string() +
      ": line 2: expected a finished run of the grid, found one of other settings";
  CHECK(failure_of([&] { RunStore(folder.path(), grid_of(2)); }) == expected);
  CHECK(failure_of([&] { read_stored_grid(folder.path()); }) == expected);
  CHECK(read_file(results) == before);

  const std::string first = before.substr(0, before.find('\n') + 1);
  const auto second_line = [&](const std::string& line) {
    write_file(results, first + line + "\n");
    const std::string found = failure_of([&] { RunStore(folder.path(), grid_of(2)); });
    CHECK(found == failure_of([&] { read_stored_grid(folder.path()); }));
    return found.substr(std::min(found.size(), results.string().size()));
  };
  const std::string start = ": line 2: expected a finished run of the grid, ";
  CHECK(second_line("oops") == start + "found 'oops', which is not JSON");
  CHECK(second_line("[]") == start + "found no field \"settings\"");
  // Counted twice, a run would make intervals too narrow.
  CHECK(second_line(first.substr(0, first.size() - 1)) == start + "found that of line 1");
  json damaged = json::parse(first);
  damaged["settings"] = settings(1);
  damaged.erase("objective");
  CHECK(second_line(damaged.dump()) == start + "field \"objective\": expected a value, found none");
}

TEST_CASE("a store that no run came to is taken back", "[run_store]") {
  const TemporaryFolder folder;
  {
    RunStore store(folder.path() / "made", grid_of(1));
    store.discard_if_empty();
  }
  CHECK_FALSE(fs::exists(folder.path() / "made"));
  RunStore store(folder.path() / "kept", grid_of(1));
  store.append(settings(0), result_of(0));
  store.discard_if_empty();
  CHECK(fs::exists(folder.path() / "kept" / "results.jsonl"));
}

TEST_CASE("a folder belongs to one grid and to one program at a time", "[run_store]") {
  const TemporaryFolder folder;
  const std::string name = folder.path().string();
  SECTION("another grid") {
    { RunStore store(folder.path(), grid_of(2)); }
    const std::string before = read_file(folder.path() / "grid.json");
    CHECK(failure_of([&] { RunStore(folder.path(), grid_of(3)); }) ==
          name +
              ": holds another grid's results; expected an empty folder, or one of the same "
              "options. Choose another with --output, or remove it");
    CHECK(read_file(folder.path() / "grid.json") == before);
  }
  SECTION("a grid that is none") {
    write_file(folder.path() / "grid.json", "[1]");
    CHECK(failure_of([&] {
            RunStore(folder.path(), grid_of(2));
          }).find("holds another grid's results") != std::string::npos);
    CHECK_FALSE(fs::exists(folder.path() / "results.jsonl"));
  }
  SECTION("results without a grid") {
    write_file(folder.path() / "results.jsonl", "{}\n");
    CHECK(failure_of([&] { RunStore(folder.path(), grid_of(2)); }) ==
          name + ": holds results.jsonl without grid.json; expected an empty folder");
    CHECK(read_file(folder.path() / "results.jsonl") == "{}\n");
  }
  SECTION("in use") {
    const RunStore store(folder.path(), grid_of(2));
    CHECK(failure_of([&] { RunStore(folder.path(), grid_of(2)); }) ==
          name + ": is in use by another run of this program");
    CHECK(fs::exists(folder.path() / "results.jsonl"));
  }
}

TEST_CASE("a folder that cannot be written is told by name", "[run_store]") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "file";
  write_file(file, "in the way");
  CHECK(failure_of([&] { RunStore(file, grid_of(1)); }) ==
        file.string() + ": cannot be made a folder for results: Not a directory");
  CHECK(failure_of([&] { RunStore(file / "deep", grid_of(1)); }) ==
        (file / "deep").string() + ": cannot be made a folder for results: Not a directory");
  const fs::path blocked = folder.path() / "blocked";
  fs::create_directories(blocked / "results.jsonl");
  CHECK(failure_of([&] { RunStore(blocked, grid_of(1)); }) ==
        (blocked / "results.jsonl").string() + ": cannot be written: Is a directory");
  CHECK(read_file(file) == "in the way");
}

TEST_CASE("a full disk takes back the line and keeps those before", "[run_store]") {
  const TemporaryFolder folder;
  const fs::path results = folder.path() / "results.jsonl";
  RunStore store(folder.path(), grid_of(3));
  store.append(settings(0), result_of(0));
  const std::string before = read_file(results);
  {
    const FileSizeLimit limit(before.size() + 100);
    CHECK(failure_of([&] { store.append(settings(1), result_of(1)); }) ==
          results.string() + ": cannot be written: File too large; 1 run before it is kept");
    CHECK(read_file(results) == before);
    CHECK_FALSE(store.contains(settings(1)));
  }
  store.append(settings(1), result_of(1));
  CHECK(read_stored_grid(folder.path()).results.size() == 2);
}

TEST_CASE("a full disk leaves no folder that holds half a grid", "[run_store]") {
  const TemporaryFolder folder;
  const fs::path output = folder.path() / "runs";
  {
    const FileSizeLimit limit(10);
    CHECK(failure_of([&] { RunStore(output, grid_of(3)); }) ==
          (output / "grid.json").string() + ": cannot be written: File too large");
  }
  CHECK_FALSE(fs::exists(output));
}

TEST_CASE("an atomic write replaces all of a file or none of it", "[run_store]") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "summary.json";
  write_atomically(path, "old");
  write_atomically(path, "newer");
  CHECK(read_file(path) == "newer");
  {
    const FileSizeLimit limit(100);
    CHECK(failure_of([&] { write_atomically(path, std::string(1000, 'x')); }) ==
          path.string() + ": cannot be written: File too large");
  }
  CHECK(read_file(path) == "newer");
  CHECK(failure_of([&] { write_atomically(folder.path() / "none" / "file", "x"); }) ==
        (folder.path() / "none" / "file").string() +
            ": cannot be written: No such file or directory");
  const auto files = std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
  CHECK(files == 1);  // no temporary is left
}

TEST_CASE("a folder without results is told by what it lacks", "[run_store]") {
  const TemporaryFolder folder;
  const std::string name = folder.path().string();
  CHECK(failure_of([&] { read_stored_grid(folder.path() / "none"); }) ==
        name + "/none: expected a folder of results");
  CHECK(failure_of([&] { read_stored_grid(folder.path()); }) ==
        name + ": expected grid.json, which `run --output` writes; found none");
  write_file(folder.path() / "grid.json", "{}");
  CHECK(failure_of([&] { read_stored_grid(folder.path()); }) ==
        name + ": expected results.jsonl, which `run --output` writes; found none");
  write_file(folder.path() / "results.jsonl", "");
  CHECK(failure_of([&] { read_stored_grid(folder.path()); }) ==
        name + "/grid.json: expected a JSON object with the field \"runs\"");
}

}  // namespace
}  // namespace obverse::reversal
