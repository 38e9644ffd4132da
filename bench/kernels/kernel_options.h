// What `obverse-bench kernels` is asked to do.
#pragma once

#include <string>
#include <vector>

#include "bench/support/shapes.h"

namespace obverse::bench {

// Operations that have benchmarks, by name.
struct KnownOperations {
  std::vector<std::string> cpu, cuda;
};

struct KernelOptions {
  std::vector<std::string> operations;  // those named, else all that the device has
  std::string device = "cpu";           // or cuda
  ChosenShapes shapes;
  std::string filter, json;
  int threads = 0;
  bool help = false;
  std::string help_text;
};

// Operations that take --shapes, on either device.
inline const std::vector<std::string> kShapedOperations{"matmul", "attention", "adamw"};

// Throws std::exception whose message says what is wrong. argv[0] is the program's name, argv[1]
// the first option.
KernelOptions parse_kernel_options(int argc, const char* const* argv, const KnownOperations& known);

}  // namespace obverse::bench
