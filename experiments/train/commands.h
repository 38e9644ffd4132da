// The commands of obverse-train. Each takes its arguments, the command's name first, and returns
// the exit status.
#pragma once

namespace obverse::train {

int run_command(int argc, char** argv);
int plot_command(int argc, char** argv);
int export_command(int argc, char** argv);

}  // namespace obverse::train
