// Training on CUDA, emulated or not.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/data/sampler.h"
#include "engine/ops/cross_entropy.h"
#include "engine/training/trainer.h"
#include "kernels/core/random.h"
#include "tests/support/catch.h"
#include "tests/support/random_values.h"
#include "tests/support/test_devices.h"
#include "tests/support/training_texts.h"

#ifdef OBVERSE_EMULATED
#include "kernels/core/device_memory.h"
#include "tests/emulator/emulator.h"
#endif

namespace obverse::tests {
namespace {

using engine::Device;
using engine::Document;
using engine::DType;
using engine::Recompute;
using engine::StepReport;
using engine::Tensor;
using engine::Trainer;
using engine::TrainingOptions;
using engine::Transformer;
using engine::TransformerConfig;

// Few heads and texts at a time: emulated attention takes longest.
TransformerConfig model_for(const engine::Objective& objective) {
  TransformerConfig config = small_model(objective);
  config.heads = 2;
  return config;
}

struct Settings {
  std::string objective = "causal";
  std::int64_t text_tokens = 0;  // 0: texts of 5 to 10
  DType dtype = DType::f32;
  int steps = 6;
  std::int64_t batch = 2, accumulation = 1;
  double dropout = 0.0;
  bool graphs = true;
  Recompute recompute = Recompute::none;
  bool pipelined = false;
};

struct Run {
  std::vector<double> losses, norms, weights;
  bool operator==(const Run&) const = default;
};

Run train(const Device& device, const Settings& settings) {
  const auto objective = engine::make_objective(settings.objective, kSmallTexts);
  TransformerConfig config = model_for(*objective);
  config.dropout = settings.dropout;
  const std::int64_t vocabulary = kSmallTexts.vocabulary;
  auto documents = documents_of(10, vocabulary);
  for (std::size_t i = 0; settings.text_tokens > 0 && i < documents.size(); ++i) {
    documents[i].tokens = random_ids(settings.text_tokens, vocabulary, 200 + i);
    for (std::int32_t& token : documents[i].tokens) token = std::max(token, 5);
  }
  const Transformer model(config, device, 5, settings.dtype);
  TrainingOptions options = options_with(settings.batch, 1e-3);
  options.accumulation = settings.accumulation;
  options.graphs = settings.graphs;
  options.recompute = settings.recompute;
  options.schedule = {engine::ScheduleKind::linear, 2e-3, 3, settings.steps, 0.1};
  Trainer trainer(model, *objective, documents, options, 5);
  Run run;
  const auto note = [&](const StepReport& report) {
    CHECK(report.step == static_cast<std::int64_t>(run.losses.size()) + 1);
    run.losses.push_back(report.loss);
    run.norms.push_back(report.gradient_norm);
  };
  for (int step = 0; step < settings.steps; ++step) {
    if (!settings.pipelined) {
      note(trainer.step());
      continue;
    }
    trainer.begin_step();
    if (trainer.steps_under_way() == 2) note(trainer.end_step());
  }
  while (trainer.steps_under_way() > 0) note(trainer.end_step());
  run.weights = model.master_weights().to_doubles();
  return run;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

double relative_distance(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return std::sqrt(difference / size);
}

// Texts whose inputs fill a multiple of eight are laid out as on the CPU, and so drop the same
// elements. The rest are padded further, which must change nothing.
TEST_CASE("a step on CUDA is the CPU's, micro-batches, dropout and padding included", "[device]") {
  for (const Device& device : cuda_devices()) {
    for (const auto& [name, tokens] :
         {std::pair("causal", 9), {"prefix", 9}, {"masked_uniform", 8}, {"masked_uniform", 5}}) {
      for (const std::int64_t accumulation : {1, 2}) {
        const Settings settings{.objective = name,
                                .text_tokens = tokens,
                                .steps = 4,
                                .batch = 4,
                                .accumulation = accumulation,
                                .dropout = tokens == 5 ? 0.0 : 0.1};
        const Run cpu = train(Device::cpu(), settings), cuda = train(device, settings);
        INFO(name << ", " << tokens << " tokens, accumulation " << accumulation);
        CHECK(largest_difference(cuda.losses, cpu.losses) < 5e-6);
        CHECK(largest_difference(cuda.norms, cpu.norms) < 1e-5);
        CHECK(relative_distance(cuda.weights, cpu.weights) < 1e-5);
      }
    }
  }
}

// Examples that become longer than any that the trainer rehearsed, for one step.
class Growing : public engine::Objective {
 public:
  std::string name() const override { return "growing"; }
  kernels::AttentionMask mask() const override { return kernels::AttentionMask::causal; }
  void make_example(const Document& document, kernels::RandomSequence /*random*/,
                    engine::Example& example) const override {
    constexpr std::int64_t kRehearsals = 3, kBatch = 2, kLongStep = 4;
    const std::int64_t step = calls_++ / kBatch - kRehearsals + 1;
    std::vector<std::int32_t> tokens = document.tokens;
    tokens.resize(step == kLongStep ? 13 : 6, 7);
    engine::make_next_token_example(tokens, example);
  }

 private:
  mutable std::int64_t calls_ = 0;
};

TEST_CASE("examples may outgrow those that were rehearsed", "[device]") {
  const auto losses_on = [](const Device& device) {
    const Growing objective;
    const Transformer model(model_for(objective), device, 5);
    const auto documents = documents_of(6, 40);
    Trainer trainer(model, objective, documents, options_with(2, 1e-3), 5);
    std::vector<double> losses;
    for (int i = 0; i < 7; ++i) losses.push_back(trainer.step().loss);
    return losses;
  };
  for (const Device& device : cuda_devices()) {
    CHECK(largest_difference(losses_on(device), losses_on(Device::cpu())) < 5e-6);
  }
}

// Masked files: the second of every two steps asks for nothing at all.
class Masked : public engine::ExampleSource {
 public:
  void make(std::int64_t draw, engine::Example& example) override {
    engine::make_next_token_example(random_ids(8, 40, static_cast<std::uint64_t>(draw)), example);
    constexpr std::int64_t kBatch = 2;
    if (draw / kBatch % 2 == 0) return;
    for (std::int32_t& target : example.targets) target = kernels::kIgnoredTarget;
  }
  std::int64_t longest() const override { return 7; }
  std::int64_t epoch() const override { return 100; }
};

TEST_CASE("a step that asks for nothing has no loss and no gradient", "[device]") {
  const auto run_on = [](const Device& device) {
    const Transformer model(model_for(*engine::make_objective("causal")), device, 5);
    Masked source;
    TrainingOptions options = options_with(2, 1e-3);
    options.accumulation = 2;
    Trainer trainer(model, source, options, 5);
    Run run;
    for (int step = 1; step <= 4; ++step) {
      const StepReport report = trainer.step();
      CAPTURE(step);
      CHECK((report.loss == 0.0) == (step % 2 == 0));
      CHECK((report.gradient_norm == 0.0) == (step % 2 == 0));
      CHECK(report.tokens == 14);
      run.losses.push_back(report.loss);
    }
    run.weights = model.master_weights().to_doubles();
    return run;
  };
  const Run cpu = run_on(Device::cpu());
  for (const Device& device : cuda_devices()) {
    const Run cuda = run_on(device);
    CHECK(largest_difference(cuda.losses, cpu.losses) < 5e-6);
    CHECK(relative_distance(cuda.weights, cpu.weights) < 1e-5);
  }
}

TEST_CASE("a trainer that recomputes blocks holds less", "[device]") {
  const auto peak = [](Recompute recompute) {
    const Device device = Device::cuda();
    const auto objective = engine::make_objective("causal");
    TransformerConfig config = model_for(*objective);
    config.layers = 6;
    config.heads = 1;
    const Transformer model(config, device, 5);
    const auto documents = documents_of(4, 40);
    TrainingOptions options = options_with(2, 1e-3);
    options.recompute = recompute;
    Trainer(model, *objective, documents, options, 5).step();
    const auto use = device.allocator().use();
    return use.peak_bytes[static_cast<std::size_t>(engine::MemoryCategory::activations)];
  };
  if (cuda_devices().empty()) return;
  CHECK(3 * peak(Recompute::blocks) < 2 * peak(Recompute::none));
}

TEST_CASE("twenty steps in float follow the CPU's losses to 1e-4", "[device]") {
  for (const Device& device : cuda_devices()) {
    const Settings settings{.steps = 20};
    const Run cpu = train(Device::cpu(), settings), cuda = train(device, settings);
    CHECK(largest_difference(cuda.losses, cpu.losses) < 1e-4);
    CHECK(largest_difference(cuda.norms, cpu.norms) < 1e-4);
    CHECK(relative_distance(cuda.weights, cpu.weights) < 2e-5);
    CHECK(cpu.losses.front() - cpu.losses.back() > 0.1);  // there is something to follow
  }
}

TEST_CASE("every objective trains on CUDA as on the CPU", "[device]") {
  for (const Device& device : cuda_devices()) {
    for (const auto& description : engine::objective_descriptions()) {
      const Settings settings{.objective = description.name, .steps = 3};
      const Run cpu = train(Device::cpu(), settings), cuda = train(device, settings);
      INFO(description.name);
      CHECK(largest_difference(cuda.losses, cpu.losses) < 1e-4);
      // AdamW's first steps are as long for a gradient that is rounding alone, as that of a key's
      // bias is, as for any other.
      CHECK(largest_difference(cuda.norms, cpu.norms) < 1e-3);
    }
  }
}

// The CPU in float, but that each step's weights are off by as much as rounding to bf16 puts them.
std::vector<double> losses_with_noise(int steps, std::uint64_t seed) {
  const auto objective = engine::make_objective("causal");
  const TransformerConfig config = model_for(*objective);
  const auto documents = documents_of(10, config.vocabulary);
  const auto device = Device::cpu();
  const Transformer model(config, device, 5);
  engine::Optimizer optimizer(model, {});
  const engine::Schedule schedule{engine::ScheduleKind::linear, 2e-3, 3, steps, 0.1};
  engine::Sampler sampler(static_cast<std::int64_t>(documents.size()), 5);
  std::vector<double> losses;
  std::vector<engine::Example> examples(2);
  for (int step = 1; step <= steps; ++step) {
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const auto draw = static_cast<std::uint64_t>(step - 1) * examples.size() + i;
      const auto item = static_cast<std::size_t>(sampler.item(static_cast<std::int64_t>(draw)));
      objective->make_example(documents[item],
                              kernels::RandomSequence({5, kernels::Purpose::objective, draw}),
                              examples[i]);
    }
    const auto exact = model.weights().to_vector<float>();
    auto moved = exact;
    const kernels::RandomKey key{.seed = seed, .step = static_cast<std::uint64_t>(step)};
    for (std::size_t i = 0; seed > 0 && i < moved.size(); ++i) {
      const double share = 2.0 * kernels::uniform(key, i) - 1.0;
      moved[i] *= static_cast<float>(1.0 + 0.5 * unit<kernels::bf16>() * share);
    }
    model.weights().write(moved.data());
    optimizer.zero_gradients();
    engine::Tape tape(device, engine::Tape::Mode::training);
    const auto batch = engine::make_batch(device, examples, 0, examples.size());
    const auto logits = model.logits(tape, {batch.ids, batch.lengths, batch.prefixes});
    const auto loss =
        cross_entropy(tape, logits, batch.targets, batch.weights, engine::total_weight(examples));
    losses.push_back(loss.data().item());
    tape.backward(loss);
    model.weights().write(exact.data());
    optimizer.update(schedule.rate(step), step);
  }
  return losses;
}

// The bound is measured, not chosen: how far losses move when weights are off by bf16's rounding,
// in runs on the CPU. Activations and their gradients are rounded, too, some ten times a block each
// way where four weights are, each rounding of the same relative size: 1 + 20 / 4 such variances
// add up. Three deviations of that; noise of a step is carried on to later ones, so that the
// largest so far counts.
TEST_CASE("twenty steps in bf16 follow the CPU's losses within bf16's noise", "[device]") {
  constexpr int kSteps = 20, kRuns = 6;
  if (cuda_devices().empty()) return;
  const Run cpu = train(Device::cpu(), {.steps = kSteps});
  CHECK(largest_difference(losses_with_noise(kSteps, 0), cpu.losses) < 1e-5);
  std::vector<double> variance(kSteps, 0.0);
  for (int run = 1; run <= kRuns; ++run) {
    const auto losses = losses_with_noise(kSteps, static_cast<std::uint64_t>(run));
    for (int i = 0; i < kSteps; ++i) {
      variance[i] += std::pow(losses[i] - cpu.losses[i], 2) / kRuns;
    }
  }
  for (const Device& device : cuda_devices()) {
    const Run half = train(device, {.dtype = DType::bf16, .steps = kSteps});
    double largest = 0.0, squares = 0.0, noise = 0.0;
    for (int i = 0; i < kSteps; ++i) {
      squares += std::pow(half.losses[i] - cpu.losses[i], 2);
      noise += variance[i];
      largest = std::max(largest, variance[i]);
      const double allowed = 3.0 * std::sqrt((1.0 + 20.0 / 4.0) * largest);
      INFO("step " << i + 1 << ": expected " << cpu.losses[i] << ", got " << half.losses[i]
                   << ", allowed " << allowed);
      CHECK(std::abs(half.losses[i] - cpu.losses[i]) < allowed);
    }
    // Over all steps chance evens out: twice the noise of rounding weights alone.
    CHECK(squares < 4.0 * noise);
  }
}

TEST_CASE("replayed graphs give the bits of eager steps", "[device]") {
  for (const Device& device : cuda_devices()) {
    for (const auto& [dtype, accumulation] : {std::pair(DType::f32, 1), {DType::bf16, 2}}) {
      Settings settings{.objective = "masked_uniform",
                        .dtype = dtype,
                        .steps = 6,
                        .accumulation = accumulation,
                        .dropout = 0.1,
                        .graphs = false};
      const Run eager = train(device, settings);
      settings.graphs = true;
      INFO(engine::name_of(dtype) << ", accumulation " << accumulation);
      CHECK(train(device, settings) == eager);
      settings.pipelined = true;
      settings.recompute = Recompute::blocks;
      CHECK(train(device, settings) == eager);
    }
  }
}

TEST_CASE("runs beside one another give the bits of runs after one another", "[device]") {
  if (cuda_devices().empty()) return;
  const auto run_of = [](int number) {
    const Settings settings{.objective = number % 2 == 0 ? "causal" : "prefix",
                            .dtype = DType::bf16,
                            .steps = 4,
                            .dropout = 0.1};
    return train(Device::cuda(), settings);
  };
  constexpr int kRuns = 3;
  std::vector<Run> alone(kRuns), beside(kRuns);
  for (int i = 0; i < kRuns; ++i) alone[i] = run_of(i);
  std::vector<std::thread> threads;
  for (int i = 0; i < kRuns; ++i) {
    threads.emplace_back([&, i] { beside[i] = run_of(i); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kRuns; ++i) CHECK(beside[i] == alone[i]);
}

TEST_CASE("from the third step on the device is asked for no memory", "[device]") {
  if (cuda_devices().empty()) return;
  const Device device = Device::cuda();
  const auto objective = engine::make_objective("causal");
  const Transformer model(model_for(*objective), device, 1, DType::bf16);
  const auto documents = documents_of(10, 40);
  Trainer trainer(model, *objective, documents, options_with(2, 1e-3), 1);
  for (int i = 0; i < 2; ++i) trainer.step();
  const auto before = device.allocator().use().system_allocations;
  for (int i = 0; i < 4; ++i) trainer.step();
  CHECK(device.allocator().use().system_allocations == before);
}

TEST_CASE("what is kept between steps is safe from replayed graphs", "[device]") {
  if (cuda_devices().empty()) return;
  const Device device = Device::cuda();
  const auto objective = engine::make_objective("causal");
  const Transformer model(model_for(*objective), device, 1);
  const std::vector<Document> documents{{{1, 10, 11, 12, 2}, {}}};
  Trainer trainer(model, *objective, documents, options_with(2, 1e-3), 1);
  for (int i = 0; i < 3; ++i) trainer.step();  // the last one is a graph
  std::vector<Tensor> kept;
  for (std::int64_t size = 1; size < 20000; size = size * 3 / 2 + 1) {
    kept.push_back(Tensor::from(device, {size}, normal_values<float>(size, 1)));
  }
  for (int i = 0; i < 3; ++i) trainer.step();
  for (const Tensor& tensor : kept) {
    check_same_bits(tensor.to_vector<float>(), normal_values<float>(tensor.elements(), 1), "kept");
  }
}

TEST_CASE("a run that diverges on CUDA says at which step and keeps its weights", "[device]") {
  for (const Device& device : cuda_devices()) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      for (const bool another_begun : {false, true}) {
        const auto objective = engine::make_objective("causal");
        const auto documents = documents_of(4, 40);
        const Transformer model(model_for(*objective), device, 1, dtype);
        Trainer trainer(model, *objective, documents, options_with(2, 1e-3), 1);
        for (int i = 0; i < 2; ++i) trainer.step();
        // Every text reads the embedding of begin-of-text.
        const std::int64_t place = engine::kBeginOfText * model.config().width;
        const Tensor one = model.weights().part(place, {1});
        const auto good = one.to_doubles()[0];
        const auto put = [&](double value) {
          engine::with_float_type(dtype, [&]<typename T>(T) {
            const T rounded(static_cast<float>(value));
            one.write(&rounded);
          });
        };
        put(std::numeric_limits<double>::quiet_NaN());
        trainer.begin_step();
        // The next step would be fine, had the last one been.
        put(good);
        const auto before = model.master_weights().to_doubles();
        if (another_begun) trainer.begin_step();
        std::string message;
        try {
          trainer.end_step();
        } catch (const engine::DivergedError& error) {
          message = error.what();
        }
        CHECK(message.find("training diverged at step 3: loss") == 0);
        device.synchronize();
        check_same_bits(model.master_weights().to_doubles(), before, "weights");
      }
    }
  }
}

TEST_CASE("a trainer refuses what CUDA's kernels do not take", "[device]") {
  const auto objective = engine::make_objective("causal");
  const auto documents = documents_of(4, 40);
  const auto error = [&](const TransformerConfig& config, const Device& device, DType dtype) {
    return error_of([&] {
      const Transformer model(config, device, 1, dtype);
      Trainer(model, *objective, documents, options_with(2, 1e-3), 1);
    });
  };
  TransformerConfig wide = model_for(*objective);
  wide.width = 136;
  wide.heads = 1;
  for (const Device& device : cuda_devices()) {
    CHECK(error(wide, device, DType::bf16) ==
          "[trainer] expected a head size of at most 128 on CUDA, got 136 (width 136 / heads 1): "
          "more heads, or the CPU, would do");
    CHECK(error(model_for(*objective), device, DType::f64) ==
          "[trainer] expected bf16 or fp32 on CUDA, got f64");
    const Transformer model(model_for(*objective), device, 1);
    const std::vector<Document> strange{{{1, 40, 2}, {}}};
    CHECK(error_of([&] { Trainer(model, *objective, strange, options_with(1, 1e-3), 1).step(); }) ==
          "[trainer] expected ids of at least 0 and below the vocabulary of 40, got 40");
  }
  CHECK(error(model_for(*objective), Device::cpu(), DType::bf16) ==
        "[trainer] expected fp32 on the CPU, got bf16, which CUDA takes");
}

#ifdef OBVERSE_EMULATED
TEST_CASE("from the second step of a shape on a step is one graph", "[device]") {
  const auto replayed = [](bool graphs) {
    const std::int64_t before = emulation::replayed_graphs();
    train(Device::cuda(), {.text_tokens = 9, .steps = 5, .graphs = graphs});
    return emulation::replayed_graphs() - before;
  };
  CHECK(replayed(true) == 4);  // the first one is eager
  CHECK(replayed(false) == 0);
}

TEST_CASE("steps wait for what they read, however late the device is", "[device]") {
  for (const bool pipelined : {false, true}) {
    const Settings settings{.objective = "token_reversed",
                            .dtype = DType::bf16,
                            .steps = 6,
                            .accumulation = 2,
                            .dropout = 0.1,
                            .pipelined = pipelined};
    const Run soon = train(Device::cuda(), settings);
    const emulation::WithLateStreams late;
    CHECK(train(Device::cuda(), settings) == soon);
  }
}

TEST_CASE("the trainer leaves the device's memory alone", "[device]") {
  const Settings settings{.dtype = DType::bf16, .steps = 4, .dropout = 0.1};
  const Run open = train(Device::cuda(), settings);
  const emulation::WithGuardedMemory guarded;
  CHECK(train(Device::cuda(), settings) == open);
}

TEST_CASE("a step without room for it says what would help", "[device]") {
  const Device device = Device::cuda();
  const auto objective = engine::make_objective("causal");
  const auto documents = documents_of(10, 40);
  const Transformer model(model_for(*objective), device, 1);
  Trainer trainer(model, *objective, documents, options_with(64, 1e-3), 1);
  const auto before = model.weights().to_vector<float>();
  const emulation::WithDeviceBytes few(64 * 1024);
  std::string message;
  try {
    trainer.step();
  } catch (const kernels::cuda::OutOfMemoryError& error) {
    message = error.what();
  }
  CHECK(message.find("[cuda] out of device memory: asked for ") == 0);
  CHECK(message.find("--recompute") != std::string::npos);
  check_same_bits(model.weights().to_vector<float>(), before, "weights");
}
#endif

}  // namespace
}  // namespace obverse::tests
