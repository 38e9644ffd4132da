// Measured training steps of a tiny model, on the CPU and on CUDA, emulated or not.
#include <cmath>
#include <cstdint>
#include <string>

#include "bench/training/training_run.h"
#include "tests/support/catch.h"
#include "tests/support/test_devices.h"

namespace obverse::tests {
namespace {

using bench::TrainingFigures;

bench::TrainingBenchOptions options_on(const engine::Device& device) {
  bench::TrainingBenchOptions options;
  options.config.layers = 1;
  options.config.width = 32;
  options.config.heads = 2;
  options.config.vocabulary = 40;
  options.config.context = 8;
  options.objective = "causal";
  options.batch = 2;
  options.sequence = 8;
  options.accumulation = 2;
  options.warmup = 2;
  options.steps = 2;
  options.breakdown = 2;
  options.device = device.kind();
  return options;
}

std::int64_t launches_of(const TrainingFigures& figures, const std::string& kernel) {
  for (const engine::KernelTime& one : figures.kernels) {
    if (one.kernel == kernel) return one.launches;
  }
  return 0;
}

void check_figures(const bench::TrainingBenchOptions& options, const TrainingFigures& figures) {
  CHECK(figures.parameters > 10000);
  CHECK(std::isfinite(figures.loss));
  CHECK(figures.step.low > 0.0);
  CHECK(figures.step.median <= figures.window_seconds);
  CHECK(figures.allocations == 0);
  CHECK(figures.memory.peak_total_bytes > 0);
  // Those of two steps of two micro-batches, and none of what memory was reserved by.
  CHECK(launches_of(figures, "adamw") == 2);
  CHECK(launches_of(figures, "attention_forward") ==
        (options.recompute == engine::Recompute::none ? 4 : 8));
  CHECK(launches_of(figures, "attention_backward") == 4);
  double seconds = 0.0;
  for (const engine::KernelTime& kernel : figures.kernels) {
    CHECK(kernel.seconds >= 0.0);
    seconds += kernel.seconds;
  }
  CHECK(seconds > 0.0);
  CHECK(seconds <= 2.0 * figures.observed_step_seconds);
}

TEST_CASE("bench training measures steps and their kernels on the CPU", "[bench]") {
  const auto device = engine::Device::cpu();
  for (const auto recompute : {engine::Recompute::none, engine::Recompute::blocks}) {
    auto options = options_on(device);
    options.recompute = recompute;
    const TrainingFigures figures = bench::measure_training(options, device);
    check_figures(options, figures);
    CHECK(figures.device_bytes == 0);
    CHECK(device.observer() == nullptr);
  }
}

TEST_CASE("bench training measures steps and their kernels on CUDA", "[bench][device]") {
  for (const engine::Device& device : cuda_devices()) {
    auto options = options_on(device);
    options.dtype = engine::DType::bf16;
    // Steps are replayed as graphs, which start no kernels one by one: those of the breakdown are
    // not.
    const TrainingFigures figures = bench::measure_training(options, device);
    check_figures(options, figures);
    CHECK(figures.device_bytes >= figures.memory.peak_total_bytes);
    CHECK(device.observer() == nullptr);
  }
}

TEST_CASE("bench training without a breakdown observes nothing", "[bench]") {
  const auto device = engine::Device::cpu();
  auto options = options_on(device);
  options.breakdown = 0;
  options.warmup = 0;
  const TrainingFigures figures = bench::measure_training(options, device);
  CHECK(figures.kernels.empty());
  CHECK(figures.step.median > 0.0);
}

}  // namespace
}  // namespace obverse::tests
