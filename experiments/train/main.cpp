// obverse-train: language models from token files. Commands are in *_command.cpp.
#include <string>

#include "experiments/support/command_line.h"
#include "experiments/train/commands.h"

int main(int argc, char** argv) {
  using namespace obverse;
  return experiments::run_program(
      "obverse-train", "a smaller --batch, --sequence, --layers or --width needs less", [&] {
        const std::string command = argc > 1 ? argv[1] : "";
        if (command == "plot") return train::plot_command(argc - 1, argv + 1);
        if (command == "export") return train::export_command(argc - 1, argv + 1);
        // `obverse-train run ...` and `obverse-train ...` are the same.
        const int skipped = command == "run" ? 1 : 0;
        return train::run_command(argc - skipped, argv + skipped);
      });
}
