#include "bench/training/training_bench.h"

#include <omp.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/cuda/kernel_benches.h"
#include "bench/support/sgemm.h"
#include "bench/training/training_report.h"

#ifdef OBVERSE_WITH_CUDA
#include "kernels/core/device_memory.h"
#endif

namespace obverse::bench {
namespace {

constexpr int kSuccess = 0, kFailure = 1, kBadUsage = 2;
constexpr const char* kLessMemory =
    "a smaller --batch, more --accumulation or --recompute blocks needs less";

void measure_and_tell(const TrainingBenchOptions& options) {
  const bool on_gpu = options.device == engine::DeviceKind::cuda;
  omp_set_num_threads(options.threads);
  // On a GPU first: what the product needs of memory is then free again.
  Ceiling ceiling{on_gpu ? "cublas" : "sgemm", on_gpu ? measured_product_rate() : 0.0};
  const TrainingFigures figures =
      measure_training(options, on_gpu ? engine::Device::cuda() : engine::Device::cpu());
  if (!on_gpu) ceiling.rate = sgemm_gflops() * 1e9;
  std::fputs(describe(options, figures, ceiling).c_str(), stdout);
  if (options.json.empty()) return;
  std::ofstream file(options.json);
  file << to_json(options, figures, ceiling).dump(2) << '\n';
  file.close();
  if (!file) {
    throw std::runtime_error("cannot write " + options.json + ": " + std::strerror(errno));
  }
}

int failed(const char* what, const char* advice = nullptr) {
  std::fprintf(stderr, "obverse-bench training: %s%s%s\n", what, advice == nullptr ? "" : "; ",
               advice == nullptr ? "" : advice);
  return kFailure;
}

}  // namespace

int run_training_bench(int argc, char** argv) {
  TrainingBenchOptions options;
  // cxxopts has exceptions of its own, and the engine throws std::invalid_argument.
  try {
    options = parse_training_options(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "obverse-bench training: %s (--help shows the options)\n", error.what());
    return kBadUsage;
  }
  if (options.help) {
    std::fputs(options.help_text.c_str(), stdout);
    return kSuccess;
  }
  if (options.device == engine::DeviceKind::cuda) {
    const std::string reason = why_no_cuda_benches();
    if (!reason.empty()) return failed(("--device cuda: " + reason).c_str());
  }
  try {
    measure_and_tell(options);
  } catch (const std::bad_alloc&) {
    return failed("out of memory", kLessMemory);
#ifdef OBVERSE_WITH_CUDA
  } catch (const kernels::cuda::OutOfMemoryError& error) {
    return failed(error.what());  // says what needs less
#endif
  } catch (const std::exception& error) {
    return failed(error.what());
  }
  return kSuccess;
}

}  // namespace obverse::bench
