// obverse-bench: how fast the kernels and whole training steps run on this machine.
#include <omp.h>

#include <cstdio>
#include <cxxopts.hpp>
#include <exception>
#include <string>

#include "bench/kernels/list.h"
#include "bench/support/report.h"
#include "bench/training/training_bench.h"

namespace obverse::bench {
namespace {

constexpr int kSuccess = 0, kFailure = 1, kBadUsage = 2;

constexpr const char* kHelp =
    R"(obverse-bench: how fast the kernels and whole training steps run on this machine

Usage:
  obverse-bench kernels [options]    time every kernel against this machine's copy or sgemm
  obverse-bench training [options]   time whole training steps
  obverse-bench <subcommand> --help  the subcommand's options

Examples:
  obverse-bench kernels --threads 1
  obverse-bench kernels --filter layer_norm --json layer_norm.json
  obverse-bench training --help
)";

constexpr const char* kKernelExamples = R"(
Examples:
  obverse-bench kernels --threads 1
  obverse-bench kernels --filter "matmul 512x64"
  obverse-bench kernels --filter layer_norm --json layer_norm.json
)";

struct KernelOptions {
  std::string filter, json;
  int threads = 0;
  bool help = false;
  std::string error;  // not empty: bad usage
};

KernelOptions parse_kernel_options(int argc, char** argv, cxxopts::Options& options) {
  options.add_options()  //
      ("filter", "run only lines of \"KERNEL SHAPE\" that contain TEXT",
       cxxopts::value<std::string>()->default_value(""), "TEXT")  //
      ("threads", "threads to use; 0: as many as OpenMP gives",
       cxxopts::value<int>()->default_value("0"), "COUNT")  //
      ("json", "also write the figures to FILE", cxxopts::value<std::string>()->default_value(""),
       "FILE")  //
      ("help", "show this page");
  KernelOptions result;
  // cxxopts 3.0 and 3.1 name their exceptions differently; both derive from std::exception.
  try {
    const auto parsed = options.parse(argc, argv);
    result.filter = parsed["filter"].as<std::string>();
    result.json = parsed["json"].as<std::string>();
    result.threads = parsed["threads"].as<int>();
    result.help = parsed.count("help") > 0;
    if (!parsed.unmatched().empty()) {
      result.error = "unexpected argument '" + parsed.unmatched().front() + "'";
    }
  } catch (const std::exception& error) {
    result.error = error.what();
  }
  if (result.threads < 0) {
    result.error = "expected --threads of at least 0, got " + std::to_string(result.threads);
  }
  return result;
}

int run_kernel_bench(int argc, char** argv) {
  cxxopts::Options options("obverse-bench kernels", "Times every kernel, or those that match.");
  const KernelOptions chosen = parse_kernel_options(argc, argv, options);
  if (!chosen.error.empty()) {
    std::fprintf(stderr, "obverse-bench kernels: %s (--help shows the options)\n",
                 chosen.error.c_str());
    return kBadUsage;
  }
  if (chosen.help) {
    std::printf("%s%s", options.help().c_str(), kKernelExamples);
    return kSuccess;
  }
  if (chosen.threads > 0) omp_set_num_threads(chosen.threads);
  Report report(chosen.filter, omp_get_max_threads());
  for (const KernelBench& bench : kernel_benches()) bench.run(report);
  if (report.figures().empty()) {
    std::fprintf(stderr, "obverse-bench kernels: nothing matches --filter '%s'\n",
                 chosen.filter.c_str());
    return kFailure;
  }
  if (!chosen.json.empty()) report.write_json(chosen.json);
  return kSuccess;
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
