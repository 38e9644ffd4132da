// Checkpoints under whatever can happen while they are written.
#include "engine/checkpoint/checkpoints.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "engine/files/atomic_file.h"
#include "kernels/core/random.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::engine {
namespace {

namespace fs = std::filesystem;
using tests::TemporaryFolder;

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

// Two files that belong together, the second much longer than one write.
void write_pair(const fs::path& folder, std::int64_t step) {
  write_atomically(folder / "state", std::to_string(step));
  write_atomically(folder / "body", std::string(300'000, static_cast<char>('a' + step % 26)));
}

// Whether a checkpoint is all that write_pair() wrote for its step.
bool is_whole(const Checkpoint& checkpoint) {
  return tests::read_file(checkpoint.folder / "state") == std::to_string(checkpoint.step) &&
         tests::read_file(checkpoint.folder / "body") ==
             std::string(300'000, static_cast<char>('a' + checkpoint.step % 26));
}

TEST_CASE("the last checkpoints are kept, and the latest one is found", "[checkpoint]") {
  const TemporaryFolder folder;
  const Checkpoints checkpoints(folder.path() / "checkpoints");
  CHECK(!checkpoints.latest());
  for (const std::int64_t step : {5, 20, 100, 1000}) {
    checkpoints.save(step, 2, [&](const fs::path& into) { write_pair(into, step); });
  }
  CHECK(names_in(checkpoints.folder()) == std::set<std::string>{"step-00000100", "step-00001000"});
  REQUIRE(checkpoints.latest());
  CHECK(checkpoints.latest()->step == 1000);
  CHECK(is_whole(*checkpoints.latest()));
  // More digits sort behind, too; 0 keeps all.
  checkpoints.save(123'456'789, 0, [&](const fs::path& into) { write_pair(into, 123'456'789); });
  CHECK(checkpoints.latest()->step == 123'456'789);
  CHECK(names_in(checkpoints.folder()).size() == 3);
  checkpoints.save(1000, 0, [](const fs::path&) { FAIL("step 1000 has been saved"); });

  CHECK(model_folder_in(folder.path()) == checkpoints.latest()->folder);
  tests::write_file(folder.path() / "config.json", "{}");
  CHECK(model_folder_in(folder.path()) == folder.path());
  CHECK_THROWS_WITH(model_folder_in(folder.path() / "nowhere"),
                    ContainsSubstring("nowhere: expected a folder with a model's config.json"));
}

TEST_CASE("a checkpoint that cannot be written leaves the one before", "[checkpoint]") {
  const TemporaryFolder folder;
  const Checkpoints checkpoints(folder.path());
  checkpoints.save(1, 1, [](const fs::path& into) { write_pair(into, 1); });
  CHECK_THROWS_WITH(checkpoints.save(2, 1,
                                     [](const fs::path& into) {
                                       write_pair(into, 2);
                                       throw std::runtime_error("no space");
                                     }),
                    "no space");
  CHECK(names_in(folder.path()) == std::set<std::string>{"step-00000001"});
  CHECK(is_whole(*checkpoints.latest()));

  // What is no checkpoint is left alone; what a killed program left is removed.
  fs::create_directories(folder.path() / "step-00000003.unfinished");
  fs::create_directories(folder.path() / "step-00000000.removed");
  for (const char* name : {"step-notes", "step-7", "step-7.unfinished", "notes.removed"}) {
    fs::create_directories(folder.path() / name);
  }
  tests::write_file(folder.path() / "step-00000009", "a file");
  const Checkpoints again(folder.path());
  CHECK(names_in(folder.path()) == std::set<std::string>{"step-00000001", "step-00000009",
                                                         "step-notes", "step-7",
                                                         "step-7.unfinished", "notes.removed"});
  CHECK(again.latest()->step == 1);
  tests::write_file(folder.path() / "blocked", "");
  CHECK_THROWS_WITH(Checkpoints(folder.path() / "blocked"),
                    ContainsSubstring("blocked: cannot be"));
}

// In a process of its own, which saves one after the other until it is killed.
void save_for_ever(const fs::path& folder, std::int64_t from) {
  const Checkpoints checkpoints(folder);
  for (std::int64_t step = from;; ++step) {
    checkpoints.save(step, 2, [step](const fs::path& into) { write_pair(into, step); });
  }
}

TEST_CASE("killed at any instant, the last complete checkpoint is there", "[checkpoint]") {
  const TemporaryFolder folder;
  // As long as a save takes here and now, so that kills fall into all parts of some.
  const auto begin = std::chrono::steady_clock::now();
  Checkpoints(folder.path()).save(1, 2, [](const fs::path& into) { write_pair(into, 1); });
  const std::chrono::duration<double> save = std::chrono::steady_clock::now() - begin;
  std::int64_t last = 1;
  constexpr int kKills = 50;
  constexpr double kSaves = 6.0;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        save_for_ever(folder.path(), last + 1);
      } catch (...) {  // NOLINT(bugprone-empty-catch): the parent sees what is there
      }
      ::_exit(1);
    }
    const kernels::RandomKey key{11, kernels::Purpose::test, 3};
    std::this_thread::sleep_for(
        kSaves * kernels::uniform(key, static_cast<std::uint64_t>(kill_number)) * save);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    const auto latest = latest_checkpoint(folder.path());
    CAPTURE(kill_number, last);
    REQUIRE(latest.has_value());
    REQUIRE(latest->step >= last);
    REQUIRE(is_whole(*latest));
    // Nor is there a part of an older one under a checkpoint's name.
    for (std::int64_t step = last; step < latest->step; ++step) {
      char name[24];
      std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
      const fs::path older = folder.path() / name;
      if (fs::exists(older)) REQUIRE(is_whole({step, older}));
    }
    last = latest->step;
  }
  CHECK(last > 1);
}

TEST_CASE("a full disk is one line, and the checkpoint before stays", "[checkpoint]") {
  const TemporaryFolder folder;
  const Checkpoints checkpoints(folder.path());
  checkpoints.save(1, 1, [](const fs::path& into) { write_pair(into, 1); });
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Files of at most 100 kB, which is what a disk looks like that fills up in the second one.
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int status = 0;
    try {
      checkpoints.save(2, 1, [](const fs::path& into) { write_pair(into, 2); });
    } catch (const std::runtime_error& error) {
      const std::string message = error.what();
      const bool told =
          message.find("body: cannot be written: File too large") != std::string::npos;
      status = told && message.find('\n') == std::string::npos ? 7 : 1;
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(names_in(folder.path()) == std::set<std::string>{"step-00000001"});
  CHECK(is_whole(*checkpoints.latest()));
}

}  // namespace
}  // namespace obverse::engine
