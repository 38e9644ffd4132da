// obverse-reversal as its user meets it: the built program, run in a folder of its own.
#pragma once

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() is not in <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {

namespace fs = std::filesystem;
using tests::read_file;
using tests::TemporaryFolder;
using tests::write_file;

inline std::string program() {
  const fs::path path = fs::read_symlink("/proc/self/exe").parent_path() / "obverse-reversal";
  if (!fs::exists(path)) throw std::runtime_error("build obverse-reversal first: " + path.string());
  return path.string();
}

struct Ended {
  int status;
  std::string out, err;
};

inline std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

class Workplace {
 public:
  fs::path at(const std::string& name) const { return folder_.path() / name; }

  // Runs the program with `arguments`, words between blanks, after the shell command `before`.
  Ended run(const std::string& arguments, const std::string& before = ":") const {
    const std::string command = "cd '" + folder_.path().string() + "' && " + before + " && exec '" +
                                program() + "' " + arguments + " < /dev/null > stdout 2> stderr";
    const int status = std::system(command.c_str());
    const int exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return {exit, read_file(at("stdout")), read_file(at("stderr"))};
  }

  // Runs it and sends `signal` as soon as one line is in `file`; the exit status, or -1 where a
  // signal ended it.
  int interrupt(const std::string& arguments, int signal,
                const std::string& file = "out/results.jsonl") const {
    const std::string path = program();
    std::istringstream text(arguments);
    std::vector<std::string> words{path};
    for (std::string word; text >> word;) words.push_back(word);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const std::string folder = folder_.path().string();
    const pid_t child = ::fork();
    if (child == 0) {
      const bool ready = ::chdir(folder.c_str()) == 0 && ::freopen("stdout", "w", stdout) &&
                         ::freopen("stderr", "w", stderr);
      if (ready) ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
    int status = 0;
    bool sent = false;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (!sent && lines_in(read_file(at(file))) > 0) {
        ::kill(child, signal);
        sent = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    REQUIRE(sent);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // How many runs results.jsonl holds; none of them twice, none of them torn.
  std::size_t finished_runs() const {
    std::istringstream text(read_file(at("out/results.jsonl")));
    std::set<std::string> settings;
    std::size_t lines = 0;
    for (std::string line; std::getline(text, line); ++lines) {
      settings.insert(nlohmann::json::parse(line).at("settings").dump());
    }
    CHECK(settings.size() == lines);
    return lines;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace obverse::reversal
