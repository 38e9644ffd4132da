// obverse-bench: how fast the kernels and whole training steps run on this machine.
#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "bench/cuda/kernel_benches.h"
#include "bench/kernels/kernel_options.h"
#include "bench/kernels/list.h"
#include "bench/support/report.h"
#include "bench/training/training_bench.h"

namespace obverse::bench {
namespace {

constexpr int kSuccess = 0, kFailure = 1, kBadUsage = 2;

constexpr const char* kHelp =
    R"(obverse-bench: how fast the kernels and whole training steps run on this machine

Usage:
  obverse-bench kernels [options]    time kernels against this machine's best copy and product
  obverse-bench training [options]   time whole training steps
  obverse-bench <subcommand> --help  the subcommand's options

Examples:
  obverse-bench kernels --threads 1
  obverse-bench kernels --filter layer_norm --json layer_norm.json
  obverse-bench kernels --device cuda --json kernels.json
  obverse-bench training --device cuda --preset gpt2-124m --batch 32 --sequence 1024
)";

int run_kernel_bench(int argc, char** argv) {
  KnownOperations known;
  for (const KernelBench& bench : kernel_benches()) {
    known.cpu.push_back(bench.operation);
    if (bench.has_device_bench) known.cuda.push_back(bench.operation);
  }
  KernelOptions chosen;
  // cxxopts 3.0 and 3.1 name their exceptions differently; both derive from std::exception.
  try {
    chosen = parse_kernel_options(argc, argv, known);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "obverse-bench kernels: %s (--help shows the options)\n", error.what());
    return kBadUsage;
  }
  if (chosen.help) {
    std::printf("%s", chosen.help_text.c_str());
    return kSuccess;
  }
  if (chosen.threads > 0) omp_set_num_threads(chosen.threads);
  const bool on_gpu = chosen.device == "cuda";
  if (on_gpu) {
    const std::string reason = why_no_cuda_benches();
    if (!reason.empty()) {
      std::fprintf(stderr, "obverse-bench kernels: --device cuda: %s\n", reason.c_str());
      return kFailure;
    }
  }
  Report report(chosen.filter, omp_get_max_threads(), chosen.shapes);
  if (on_gpu) {
    run_cuda_benches(report, chosen.operations);
  } else {
    for (const KernelBench& bench : kernel_benches()) {
      const auto& names = chosen.operations;
      if (std::find(names.begin(), names.end(), bench.operation) != names.end()) {
        bench.run(report);
      }
    }
  }
  if (report.figures().empty() && !report.failed()) {
    std::fprintf(stderr, "obverse-bench kernels: nothing matches --filter '%s'\n",
                 chosen.filter.c_str());
    return kFailure;
  }
  if (!chosen.json.empty()) report.write_json(chosen.json);
  return report.failed() ? kFailure : kSuccess;
}

int run(int argc, char** argv) {
  const std::string subcommand = argc > 1 ? argv[1] : "";
  if (subcommand == "kernels") return run_kernel_bench(argc - 1, argv + 1);
  if (subcommand == "training") return run_training_bench(argc - 1, argv + 1);
  if (subcommand == "--help" || subcommand == "-h" || subcommand == "help") {
    std::printf("%s", kHelp);
    return kSuccess;
  }
  std::fprintf(stderr, "obverse-bench: expected a subcommand, kernels or training, got '%s'\n",
               subcommand.c_str());
  return kBadUsage;
}

}  // namespace
}  // namespace obverse::bench

int main(int argc, char** argv) {
  try {
    return obverse::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "obverse-bench: %s\n", error.what());
    return 1;
  }
}
