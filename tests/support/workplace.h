// A program as its user meets it: built, and run in a folder of its own.
#pragma once

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() is not in <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace obverse::tests {

namespace fs = std::filesystem;

// A built program, which lies beside the tests.
inline std::string program_named(const std::string& name) {
  const fs::path path = fs::read_symlink("/proc/self/exe").parent_path() / name;
  if (!fs::exists(path)) throw std::runtime_error("build " + name + " first: " + path.string());
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
  explicit Workplace(const std::string& program) : program_(program_named(program)) {}

  fs::path at(const std::string& name) const { return folder_.path() / name; }

  // Runs the program with `arguments`, words between blanks, after the shell command `before`.
  // `input` is the file that it reads as standard input.
  Ended run(const std::string& arguments, const std::string& before = ":",
            const std::string& input = "/dev/null") const {
    return run_program(program_, arguments, before, input);
  }

  // The same with another program, as program_named() gives it.
  Ended run_program(const std::string& program, const std::string& arguments,
                    const std::string& before = ":", const std::string& input = "/dev/null") const {
    const std::string command = "cd '" + folder_.path().string() + "' && " + before + " && exec '" +
                                program + "' " + arguments + " < " + input + " > stdout 2> stderr";
    const int status = std::system(command.c_str());
    const int exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return {exit, read_file(at("stdout")), read_file(at("stderr"))};
  }

  // Runs it and sends `signal` as soon as so many lines are in `file`; the exit status, or -1 where
  // a signal ended it.
  int interrupt(const std::string& arguments, int signal, const std::string& file,
                std::size_t lines = 1) const {
    std::istringstream text(arguments);
    std::vector<std::string> words{program_};
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
      if (!sent && lines_in(read_file(at(file))) >= lines) {
        ::kill(child, signal);
        sent = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    REQUIRE(sent);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  std::string program_;
  TemporaryFolder folder_;
};

}  // namespace obverse::tests
