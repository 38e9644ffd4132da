// The subcommands of obverse-reversal. Each takes the arguments behind its name and returns the
// exit status.
#pragma once

#include <string>

#include "experiments/support/command_line.h"

namespace obverse::reversal {

using experiments::UsageError;

int run_command(int argc, char** argv, const std::string& command_line);
int verify_command(int argc, char** argv, const std::string& command_line);
int report_command(int argc, char** argv);
int compare_command(int argc, char** argv);
int probe_command(int argc, char** argv);
int list_command(int argc, char** argv);

}  // namespace obverse::reversal
