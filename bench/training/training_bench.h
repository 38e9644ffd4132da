// `obverse-bench training`: tokens a second of whole training steps.
#pragma once

namespace obverse::bench {

// Parses its own options (argv[0] is the program's name, argv[1] the first option) and returns the
// exit status: 0 on success, 1 on failure, 2 on bad usage.
int run_training_bench(int argc, char** argv);

}  // namespace obverse::bench
