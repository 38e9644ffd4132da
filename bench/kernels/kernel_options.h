// What `obverse-bench kernels` is asked to do.
#pragma once

#include <string>
#include <vector>

#include "bench/support/shapes.h"

namespace obverse::bench {

struct KernelOptions {
  std::vector<std::string> operations;  // by name; all that the device has where none is named
  std::string device = "cpu";           // or cuda
  ChosenShapes shapes;
  std::string filter, json;
  int threads = 0;
  bool help = false;
  std::string help_text;
};

// Operations that have GPU benchmarks and take --shapes.
inline const std::vector<std::string> kShapedOperations{"matmul", "attention", "adamw"};

// Throws std::exception whose message says what is wrong; `operations` are those of the CPU.
// argv[0] is the program's name, argv[1] the first option.
KernelOptions parse_kernel_options(int argc, char** argv,
                                   const std::vector<std::string>& operations);

}  // namespace obverse::bench
