// The training loop's one step: draw, forward, backward, clip, update. From the third step on a
// step whose shapes have been seen allocates nothing. On CUDA the host need not wait for a step
// before it begins the next one.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <vector>

#include "engine/data/document.h"
#include "engine/data/example_source.h"
#include "engine/model/transformer.h"
#include "engine/training/device_steps.h"
#include "engine/training/objective.h"
#include "engine/training/optimizer.h"
#include "engine/training/schedule.h"

namespace obverse::engine {

struct TrainingOptions {
  std::int64_t batch = 64;  // documents a step
  std::int64_t accumulation =
      1;              // micro-batches that a step's batch is cut into; REQUIRES: divides batch
  Schedule schedule;  // its `steps` is the length of the run
  OptimizerOptions optimizer;
  // What does not change a result: memory for time, and whether CUDA steps are replayed as graphs.
  Recompute recompute = Recompute::none;
  bool graphs = true;
};
// Every option that decides the result, by name, for the record of a run.
void to_json(nlohmann::json& json, const TrainingOptions& options);

struct StepReport {
  std::int64_t step = 0;
  double loss = 0.0;  // nats a target, weighted mean over the batch; 0 where there is none
  double gradient_norm = 0.0;
  double learning_rate = 0.0;
  std::int64_t tokens = 0;  // inputs that are not padding
};

// Throws std::invalid_argument where a device's kernels do not take an architecture in training, or
// a precision at all, and says why.
void check_trainable(const TransformerConfig& config, DeviceKind device, DType dtype);

// Loss or gradient stopped being a number.
class DivergedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Trainer {
 public:
  // REQUIRES: all arguments outlive the trainer; no document is empty; no example is longer than
  // the model's context (step() throws what Transformer::hidden throws). Throws what
  // check_trainable() throws.
  Trainer(const Transformer& model, const Objective& objective,
          const std::vector<Document>& documents, const TrainingOptions& options,
          std::uint64_t seed);
  // The same on any examples, of an objective that the model's mask suits.
  Trainer(const Transformer& model, ExampleSource& source, const TrainingOptions& options,
          std::uint64_t seed);

  ~Trainer();

  // Steps count from 1. Throws DivergedError, the weights untouched, where loss or gradient norm is
  // not finite.
  StepReport step();
  std::int64_t steps_done() const { return step_; }

  // Goes on behind step `done` of another trainer of the same arguments, with whose weights and
  // moments the model and optimizer() have been filled: what follows has the same bits. REQUIRES:
  // no step has begun.
  void continue_after(std::int64_t done);
  const Optimizer& optimizer() const { return optimizer_; }

  // step() in two halves. begin_step() returns as soon as the device has the step's work, on the
  // CPU when it is done; end_step() waits for the oldest step begun. On CUDA two steps may be under
  // way: the second's examples are drawn and copied while the device is at work. Behind a step that
  // diverged the weights stay as they were, even where the next had begun.
  void begin_step();
  StepReport end_step();
  std::int64_t steps_under_way() const { return static_cast<std::int64_t>(under_way_.size()); }
  std::int64_t most_steps_under_way() const { return device_steps_ ? DeviceSteps::kMostBegun : 1; }

 private:
  Trainer(std::unique_ptr<ExampleSource> own, ExampleSource* other, const Transformer& model,
          const TrainingOptions& options, std::uint64_t seed);
  void draw_examples();
  double run_micro_batch(std::size_t first, double normalizer);
  void run_step_here(StepReport& report);
  void reserve_memory();

  const Transformer& model_;
  std::unique_ptr<ExampleSource> own_source_;
  ExampleSource& source_;
  TrainingOptions options_;
  std::uint64_t seed_;
  Optimizer optimizer_;
  Tape tape_;
  std::unique_ptr<DeviceSteps> device_steps_;  // on CUDA
  std::int64_t step_ = 0;
  bool rehearsed_ = false;             // the memory of steps is there
  std::vector<StepReport> under_way_;  // on the CPU finished
  std::vector<Example> examples_;      // memory kept between steps
};

}  // namespace obverse::engine
