#include "bench/training/training_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace obverse::bench {
namespace {

constexpr double kMebibyte = 1048576.0;

// Operations a second.
double rate_of(const TrainingBenchOptions& options, const TrainingFigures& figures) {
  return engine::step_operations(options.config, options.batch, options.sequence) /
         figures.step.median;
}

double tokens_a_second(const TrainingBenchOptions& options, const TrainingFigures& figures) {
  return static_cast<double>(options.batch * options.sequence) / figures.step.median;
}

const char* precision_of(const TrainingBenchOptions& options) {
  return options.dtype == engine::DType::bf16 ? "bf16" : "fp32";
}

const char* matmul_of(const TrainingBenchOptions& options) {
  return options.matmul == engine::MatmulChoice::cublas ? "cublas" : "own";
}

}  // namespace

std::string describe(const TrainingBenchOptions& options, const TrainingFigures& figures,
                     const Ceiling& ceiling) {
  const bool on_gpu = options.device == engine::DeviceKind::cuda;
  const double unit = on_gpu ? 1e-12 : 1e-9, rate = rate_of(options, figures);
  char text[512];
  std::snprintf(text, sizeof(text),
                "%.0f tokens/s, %.3f ms a step (median of %lld; all together %.3f), "
                "%.1f %s = %.0f %% of this machine's %s (%.1f), %lld parameters, peak memory "
                "%.1f MiB, loss %.4f\n",
                tokens_a_second(options, figures), figures.step.median * 1e3,
                static_cast<long long>(options.steps),
                figures.window_seconds * 1e3 / static_cast<double>(options.steps), rate * unit,
                on_gpu ? "TFLOP/s" : "GFLOP/s", 100.0 * rate / ceiling.rate,
                on_gpu ? "8192-cubed bf16 product by cuBLAS" : "2048-cubed sgemm",
                ceiling.rate * unit, static_cast<long long>(figures.parameters),
                static_cast<double>(figures.memory.peak_total_bytes) / kMebibyte, figures.loss);
  std::string all = text + ("\nmost memory in use\n" + engine::describe(figures.memory));
  if (on_gpu) {
    std::snprintf(text, sizeof(text), "%12s%10.1f MiB, with what kernels need besides\n", "GPU",
                  static_cast<double>(figures.device_bytes) / kMebibyte);
    all += text;
  }
  if (options.breakdown == 0) return all;
  std::snprintf(text, sizeof(text), "\n%lld steps, one kernel after the other: %.3f ms each\n",
                static_cast<long long>(options.breakdown), figures.observed_step_seconds * 1e3);
  return all + text +
         engine::describe(figures.kernels, options.breakdown, figures.observed_step_seconds);
}

nlohmann::json to_json(const TrainingBenchOptions& options, const TrainingFigures& figures,
                       const Ceiling& ceiling) {
  const double rate = rate_of(options, figures);
  const auto steps = static_cast<double>(options.steps);
  nlohmann::json json{
      {"tokens_per_second", tokens_a_second(options, figures)},
      {"milliseconds_per_step", figures.step.median * 1e3},
      {"milliseconds_per_step_20", figures.step.low * 1e3},
      {"milliseconds_per_step_80", figures.step.high * 1e3},
      {"milliseconds_per_step_mean", figures.window_seconds * 1e3 / steps},
      {"teraflops_per_second", rate * 1e-12},
      {"ceiling", ceiling.name},
      {"ceiling_teraflops_per_second", ceiling.rate * 1e-12},
      {"of_ceiling", rate / ceiling.rate},
      {"parameters", figures.parameters},
      {"loss", figures.loss},
      {"peak_memory_bytes", figures.memory.peak_total_bytes},
      {"reserved_memory_bytes", figures.memory.reserved_bytes},
      {"device_memory_bytes", figures.device_bytes},
      {"allocations_while_measuring", figures.allocations},
      {"batch", options.batch},
      {"sequence", options.sequence},
      {"accumulation", options.accumulation},
      {"threads", options.threads},
      {"steps", options.steps},
      {"objective", options.objective},
      {"device", engine::name_of(options.device)},
      {"precision", precision_of(options)},
      {"matmul", matmul_of(options)},
      {"recompute", options.recompute},
      {"graphs", options.graphs},
      {"architecture", options.config.resolved()},
  };
  for (int i = 0; i < engine::kMemoryCategoryCount; ++i) {
    json["peak_memory_bytes_by_category"][engine::name_of(static_cast<engine::MemoryCategory>(i))] =
        figures.memory.peak_bytes[static_cast<std::size_t>(i)];
  }
  if (options.breakdown == 0) return json;
  json["breakdown_steps"] = options.breakdown;
  json["breakdown_milliseconds_per_step"] = figures.observed_step_seconds * 1e3;
  json["kernels"] = nlohmann::json::array();
  const auto observed = static_cast<double>(options.breakdown);
  for (const engine::KernelTime& kernel : figures.kernels) {
    json["kernels"].push_back(
        {{"kernel", kernel.kernel},
         {"launches_per_step", static_cast<double>(kernel.launches) / observed},
         {"milliseconds_per_step", kernel.seconds * 1e3 / observed},
         {"share", kernel.seconds / observed / figures.observed_step_seconds}});
  }
  return json;
}

}  // namespace obverse::bench
