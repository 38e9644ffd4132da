#include "bench/training/training_run.h"

#include <memory>
#include <utility>

#include "engine/training/trainer.h"

#ifdef OBVERSE_WITH_CUDA
#include "kernels/core/device_memory.h"
#endif

namespace obverse::bench {
namespace {

using engine::Trainer;

// Texts of random tokens, all of one length: what the peer in PyTorch trains on.
std::vector<engine::Document> random_documents(std::int64_t count, std::int64_t tokens,
                                               std::int64_t vocabulary) {
  kernels::RandomSequence random({1, kernels::Purpose::test, 0});
  std::vector<engine::Document> documents(static_cast<std::size_t>(count));
  for (engine::Document& document : documents) {
    for (std::int64_t i = 0; i < tokens; ++i) {
      document.tokens.push_back(
          static_cast<std::int32_t>(random.integer(static_cast<std::uint64_t>(vocabulary))));
    }
  }
  return documents;
}

std::int64_t taken_from_device(const engine::Device& device) {
#ifdef OBVERSE_WITH_CUDA
  if (device.kind() == engine::DeviceKind::cuda) {
    return kernels::cuda::device_memory_statistics().reserved_bytes;
  }
#endif
  static_cast<void>(device);
  return 0;
}

// How often memory was asked for: by tensors, and on a device by what kernels need beside them.
std::int64_t allocations_of(const engine::Allocator& allocator) {
  std::int64_t count = allocator.use().system_allocations;
#ifdef OBVERSE_WITH_CUDA
  count += kernels::cuda::device_memory_statistics().allocations;
#endif
  return count;
}

void time_steps(Trainer& trainer, const TrainingBenchOptions& options,
                const engine::Allocator& allocator, TrainingFigures& figures) {
  // On the CPU a step is done when it has begun.
  const std::int64_t ahead = options.device == engine::DeviceKind::cuda ? 2 : 1;
  const std::int64_t all = options.warmup + options.steps;
  std::int64_t begun = 0, allocations = allocations_of(allocator);
  std::vector<double> seconds;
  double last = seconds_now();
  for (std::int64_t ended = 0; ended < all; ++ended) {
    for (; begun < all && trainer.steps_under_way() < ahead; ++begun) trainer.begin_step();
    figures.loss = trainer.end_step().loss;
    const double now = seconds_now();
    if (ended + 1 == options.warmup) allocations = allocations_of(allocator);
    if (ended >= options.warmup) {
      seconds.push_back(now - last);
      figures.window_seconds += now - last;
    }
    last = now;
  }
  figures.step = timing_of(std::move(seconds));
  figures.memory = allocator.use();
  figures.allocations = allocations_of(allocator) - allocations;
}

void time_kernels(Trainer& trainer, const engine::Device& device, std::int64_t steps,
                  TrainingFigures& figures) {
  engine::LaunchTimes times(device);
  const double begin = seconds_now();
  for (std::int64_t i = 0; i < steps; ++i) trainer.step();
  figures.observed_step_seconds = (seconds_now() - begin) / static_cast<double>(steps);
  figures.kernels = times.totals();
}

}  // namespace

TrainingFigures measure_training(const TrainingBenchOptions& options,
                                 const engine::Device& device) {
  device.choose_matmul(options.matmul);
  const engine::Transformer model(options.config, device, 0, options.dtype);
  const auto objective = engine::make_objective(options.objective);
  // A next-token example is one token shorter than its text.
  const bool shifted = objective->decoding() == engine::Decoding::left_to_right;
  const auto documents = random_documents(
      options.batch, shifted ? options.sequence + 1 : options.sequence, options.config.vocabulary);
  engine::TrainingOptions training;
  training.batch = options.batch;
  training.accumulation = options.accumulation;
  training.schedule.steps = options.warmup + options.steps;
  training.recompute = options.recompute;
  training.graphs = options.graphs;
  TrainingFigures figures;
  figures.parameters = model.parameter_count();
  auto trainer = std::make_unique<Trainer>(model, *objective, documents, training, 0);
  time_steps(*trainer, options, device.allocator(), figures);
  figures.device_bytes = taken_from_device(device);
  if (options.breakdown == 0) return figures;
  if (options.graphs && options.device == engine::DeviceKind::cuda) {
    // What replays graphs starts no kernels that could be timed.
    trainer.reset();
    training.graphs = false;
    trainer = std::make_unique<Trainer>(model, *objective, documents, training, 0);
    trainer->step();
  }
  time_kernels(*trainer, device, options.breakdown, figures);
  return figures;
}

}  // namespace obverse::bench
