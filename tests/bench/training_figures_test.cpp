// What becomes of measured training steps: operations, kernels by cost, text, JSON.
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "bench/training/training_report.h"
#include "bench/training/training_run.h"
#include "tests/support/catch.h"

namespace obverse::tests {
namespace {

using engine::KernelTime;

TEST_CASE("bench counts the operations of a training step", "[bench]") {
  // GPT-2 124M: 12 blocks of 12 x 768 x 768 weights, and the head.
  auto config = engine::transformer_preset("gpt2-124m");
  const double weights = 12.0 * 12.0 * 768.0 * 768.0 + 50257.0 * 768.0;
  const double scores = 12.0 * 12.0 * 768.0 * 1024.0;
  const double tokens = 8.0 * 1024.0;
  CHECK(engine::step_operations(config, 8, 1024) ==
        Approx(tokens * (6.0 * weights + scores / 2.0)).epsilon(1e-12));
  config.mask = engine::MaskKind::bidirectional;
  CHECK(engine::step_operations(config, 8, 1024) ==
        Approx(tokens * (6.0 * weights + scores)).epsilon(1e-12));
  // Fewer heads of keys and values, a gate, and no second table at the head.
  const auto llama = engine::transformer_preset("llama-1b");
  const double block = 2048.0 * (2048.0 + 2.0 * 512.0) + 2048.0 * 2048.0 + 3.0 * 2048.0 * 8192.0;
  CHECK(engine::step_operations(llama, 1, 1) ==
        Approx(6.0 * (16.0 * block + 2048.0 * 128256.0) + 6.0 * 16.0 * 2048.0).epsilon(1e-12));
}

TEST_CASE("bench sums launches by kernel, the most expensive one first", "[bench]") {
  const auto kernels = engine::by_cost({{"norm", 1, 2.0},
                                        {"matmul", 1, 3.0},
                                        {"norm", 2, 0.5},
                                        {"matmul", 1, 4.0},
                                        {"add", 1, 0.0}});
  REQUIRE(kernels.size() == 3);
  CHECK(kernels[0].kernel == "matmul");
  CHECK(kernels[0].launches == 2);
  CHECK(kernels[0].seconds == 7.0);
  CHECK(kernels[1].kernel == "norm");
  CHECK(kernels[1].launches == 3);
  CHECK(kernels[1].seconds == 2.5);
  CHECK(kernels[2].kernel == "add");
  CHECK(engine::by_cost({}).empty());
}

TEST_CASE("bench's breakdown has the step's milliseconds, once each", "[bench]") {
  // Two steps of 10 ms, of which kernels take 9.
  const std::string text = engine::describe({{"matmul", 6, 0.014}, {"add", 1, 0.004}}, 2, 0.010);
  CHECK(text ==
        "kernel                         launches    ms a step    share\n"
        "matmul                              3.0       7.0000    70.0%\n"
        "add                                 0.5       2.0000    20.0%\n"
        "(outside of kernels)                          1.0000    10.0%\n");
}

TEST_CASE("bench's observer times launches on the CPU while it lives", "[bench]") {
  const auto device = engine::Device::cpu();
  const auto launch = [&](const char* kernel, int milliseconds) {
    if (device.observer() == nullptr) return false;
    device.observer()->before(kernel);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    device.observer()->after(kernel);
    return true;
  };
  CHECK_FALSE(launch("early", 0));
  {
    engine::LaunchTimes times(device);
    CHECK(times.totals().empty());
    CHECK(launch("short", 1));
    CHECK(launch("long", 15));
    CHECK(launch("short", 1));
    const auto kernels = times.totals();
    REQUIRE(kernels.size() == 2);
    CHECK(kernels[0].kernel == "long");
    CHECK(kernels[0].launches == 1);
    CHECK(kernels[0].seconds >= 0.015);
    CHECK(kernels[1].kernel == "short");
    CHECK(kernels[1].launches == 2);
    CHECK(kernels[1].seconds >= 0.002);
  }
  CHECK_FALSE(launch("late", 0));
}

TEST_CASE("bench's figures of training come as text and as JSON", "[bench]") {
  bench::TrainingBenchOptions options;
  options.config = engine::transformer_preset("gpt2-124m");
  options.objective = "causal";
  options.batch = 8;
  options.sequence = 1024;
  options.steps = 10;
  options.breakdown = 2;
  options.device = engine::DeviceKind::cuda;
  options.dtype = engine::DType::bf16;
  options.matmul = engine::MatmulChoice::cublas;
  bench::TrainingFigures figures;
  figures.step = {0.020, 0.019, 0.023};
  figures.window_seconds = 0.210;
  figures.loss = 3.5;
  figures.parameters = 124439808;
  figures.memory.peak_bytes = {1 << 20, 2 << 20, 3 << 20, 4 << 20, 5 << 20};
  figures.memory.peak_total_bytes = 12 << 20;
  figures.device_bytes = 20 << 20;
  figures.observed_step_seconds = 0.030;
  figures.kernels = {{"matmul", 200, 0.040}, {"adamw", 2, 0.006}};
  const double operations = engine::step_operations(options.config, 8, 1024);
  const bench::Ceiling ceiling{"cublas", operations / 0.010};

  const nlohmann::json json = bench::to_json(options, figures, ceiling);
  CHECK(json["tokens_per_second"].get<double>() == Approx(8192 / 0.020));
  CHECK(json["milliseconds_per_step"].get<double>() == Approx(20.0));
  CHECK(json["milliseconds_per_step_80"].get<double>() == Approx(23.0));
  CHECK(json["milliseconds_per_step_mean"].get<double>() == Approx(21.0));
  CHECK(json["of_ceiling"].get<double>() == Approx(0.5));
  CHECK(json["teraflops_per_second"].get<double>() == Approx(operations / 0.020 * 1e-12));
  CHECK(json["precision"] == "bf16");
  CHECK(json["matmul"] == "cublas");
  CHECK(json["recompute"] == "none");
  CHECK(json["device"] == "cuda");
  CHECK(json["peak_memory_bytes_by_category"]["optimizer"] == 3 << 20);
  REQUIRE(json["kernels"].size() == 2);
  CHECK(json["kernels"][0]["kernel"] == "matmul");
  CHECK(json["kernels"][0]["launches_per_step"] == 100.0);
  CHECK(json["kernels"][0]["milliseconds_per_step"].get<double>() == Approx(20.0));
  CHECK(json["kernels"][0]["share"].get<double>() == Approx(2.0 / 3.0));

  const std::string text = bench::describe(options, figures, ceiling);
  for (const char* part : {"409600 tokens/s, 20.000 ms a step (median of 10; all together 21.000)",
                           "= 50 % of this machine's 8192-cubed bf16 product by cuBLAS",
                           "peak memory 12.0 MiB", "optimizer       3.0 MiB", "GPU      20.0 MiB",
                           "2 steps, one kernel after the other: 30.000",
                           "matmul                            100.0      20.0000    66.7%"}) {
    CAPTURE(part, text);
    CHECK(text.find(part) != std::string::npos);
  }
  options.breakdown = 0;
  CHECK_FALSE(bench::to_json(options, figures, ceiling).contains("kernels"));
  CHECK(bench::describe(options, figures, ceiling).find("launches") == std::string::npos);
}

}  // namespace
}  // namespace obverse::tests
