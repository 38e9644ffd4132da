// The subcommands of obverse-tokenize. Each takes the arguments behind its name and returns the
// exit status.
#pragma once

#include "experiments/support/command_line.h"

namespace obverse::tokenize {

using experiments::UsageError;

int train_command(int argc, char** argv);
int encode_command(int argc, char** argv);
int decode_command(int argc, char** argv);
int inspect_command(int argc, char** argv);

}  // namespace obverse::tokenize
