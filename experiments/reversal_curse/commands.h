// The subcommands of obverse-reversal. Each takes the arguments behind its name and returns the
// exit status.
#pragma once

#include <stdexcept>
#include <string>

namespace obverse::reversal {

// Bad usage: one line for the user, exit 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

int run_command(int argc, char** argv, const std::string& command_line);
int verify_command(int argc, char** argv, const std::string& command_line);
int report_command(int argc, char** argv);
int compare_command(int argc, char** argv);
int probe_command(int argc, char** argv);
int list_command(int argc, char** argv);

}  // namespace obverse::reversal
