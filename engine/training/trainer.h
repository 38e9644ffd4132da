// The training loop's one step: draw, forward, backward, clip, update. From the third step on a
// step whose shapes have been seen allocates nothing.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "engine/data/document.h"
#include "engine/data/sampler.h"
#include "engine/model/transformer.h"
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
};
// Every option by name, for the record of a run.
void to_json(nlohmann::json& json, const TrainingOptions& options);

struct StepReport {
  double loss = 0.0;  // nats a target, weighted mean over the batch
  double gradient_norm = 0.0;
  double learning_rate = 0.0;
  std::int64_t tokens = 0;  // inputs that are not padding
};

// Loss or gradient stopped being a number.
class DivergedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Trainer {
 public:
  // REQUIRES: all arguments outlive the trainer; no document is empty; no example is longer than
  // the model's context (step() throws what Transformer::hidden throws).
  Trainer(const Transformer& model, const Objective& objective,
          const std::vector<Document>& documents, const TrainingOptions& options,
          std::uint64_t seed);

  // Steps count from 1. Throws DivergedError, the weights untouched, where loss or gradient norm is
  // not finite.
  StepReport step();
  std::int64_t steps_done() const { return step_; }

 private:
  double run_micro_batch(std::size_t first, double normalizer, std::int64_t& tokens);
  void reserve_memory();

  const Transformer& model_;
  const Objective& objective_;
  const std::vector<Document>& documents_;
  TrainingOptions options_;
  std::uint64_t seed_;
  Sampler sampler_;
  Optimizer optimizer_;
  Tape tape_;
  std::int64_t step_ = 0;
  std::vector<Example> examples_;  // memory kept between steps
};

}  // namespace obverse::engine
