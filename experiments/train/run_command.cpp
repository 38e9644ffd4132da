#include <cstdio>

#include "engine/training/objective.h"
#include "experiments/support/command_line.h"
#include "experiments/train/commands.h"
#include "experiments/train/setting_options.h"
#include "experiments/train/training_run.h"

namespace obverse::train {
namespace {

constexpr const char* kExamples = R"(
A setting may also stand in a JSON file, --config FILE, by its name with underscores; options go
before it, and settings.json of a run is such a file. The same command goes on where it stopped.

Examples:
  obverse-train --data texts --layers 4 --width 256 --sequence 256 --steps 2000 --output runs/small
  obverse-train --data texts --preset gpt2-124m --sequence 1024 --batch 32 --device cuda
  obverse-train --data texts --objective masked_uniform --position rotary --norm rms \
      --feed-forward swiglu --biases=false
  obverse-train --data texts --initial gpt2 --learning-rate 1e-4 --steps 500
  obverse-train plot runs/small runs/other --output curves.html
)";

void print_objectives() {
  for (const auto& description : engine::objective_descriptions()) {
    std::printf("%-26s %s\n", description.name.c_str(), description.summary.c_str());
  }
}

}  // namespace

int run_command(int argc, char** argv) {
  cxxopts::Options options("obverse-train",
                           "Trains a transformer on token files, and keeps checkpoints that "
                           "Hugging Face's libraries read.");
  add_setting_options(options);
  options.add_options("Other")("objectives", "List the objectives");
  const auto parsed = experiments::parse_or_help(options, argc, argv);
  if (!parsed) {
    std::fputs(kExamples, stdout);
    return 0;
  }
  if (parsed->count("objectives") > 0) {
    print_objectives();
    return 0;
  }
  const RunOutcome outcome = run_training(settings_of(*parsed), stdout);
  // As a shell tells of a program that a signal ended.
  constexpr int kInterrupted = 130;
  return outcome.stopped ? kInterrupted : 0;
}

}  // namespace obverse::train
