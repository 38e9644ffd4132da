// What the programs' command lines share.
#pragma once

#include <cxxopts.hpp>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace obverse::experiments {

// Bad usage: one line for the user, exit 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The parsed options, or nothing after --help was printed. Arguments without an option before them
// are those of `positional`, a list, where it is named: whole_arguments() has them. Throws
// UsageError for what the options do not allow.
std::optional<cxxopts::ParseResult> parse_or_help(cxxopts::Options& options, int argc, char** argv,
                                                  const std::string& positional = "");

// What stands behind a list option, or for it, each as it was given: cxxopts takes the comma in a
// file's name for one between two names.
std::vector<std::string> whole_arguments(const cxxopts::ParseResult& parsed,
                                         const std::string& name);

// The program and its arguments as a shell reads them.
std::string command_line_of(const std::string& program, int argc, char** argv);

// What main() returns: body's status; 2 for a UsageError, 1 for any other failure, each told in one
// line on standard error, as is output that cannot be written. Where memory was not enough, what
// needs less is `memory_advice`. In `body` a write beyond the file-size limit (ulimit -f) is an
// error instead of the program's end, and what is written to a standard stream that was closed is
// lost.
int run_program(const std::string& program, const char* memory_advice,
                const std::function<int()>& body);

}  // namespace obverse::experiments
