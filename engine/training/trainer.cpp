#include "engine/training/trainer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/ops/cross_entropy.h"
#include "engine/training/objective_source.h"

namespace obverse::engine {

void to_json(nlohmann::json& json, const TrainingOptions& options) {
  json = {{"batch", options.batch},
          {"accumulation", options.accumulation},
          {"schedule", options.schedule.kind},
          {"learning_rate", options.schedule.peak},
          {"warm_up_steps", options.schedule.warm_up_steps},
          {"final_share", options.schedule.final_share},
          {"beta_1", options.optimizer.beta_1},
          {"beta_2", options.optimizer.beta_2},
          {"epsilon", options.optimizer.epsilon},
          {"weight_decay", options.optimizer.weight_decay},
          {"clip_norm", options.optimizer.clip_norm}};
  // Of this kind alone, so that the records of older runs stay what they are.
  if (options.schedule.kind == ScheduleKind::warm_up_stable_decay) {
    json["decay_share"] = options.schedule.decay_share;
  }
}

void check_trainable(const TransformerConfig& config, DeviceKind device, DType dtype) {
  if (device == DeviceKind::cpu) {
    require(dtype != DType::bf16, "[trainer] expected fp32 on the CPU, got bf16, which CUDA takes");
    return;
  }
  require(dtype == DType::bf16 || dtype == DType::f32, "[trainer] expected bf16 or fp32 on CUDA, ",
          "got ", name_of(dtype));
  require(config.head_size() <= kernels::cuda::kMostTrainedHeadSize,
          "[trainer] expected a head size of at most ", kernels::cuda::kMostTrainedHeadSize,
          " on CUDA, got ", config.head_size(), " (width ", config.width, " / heads ", config.heads,
          "): more heads, or the CPU, would do");
}

Trainer::~Trainer() = default;

namespace {

std::unique_ptr<ExampleSource> source_of(const Transformer& model, const Objective& objective,
                                         const std::vector<Document>& documents,
                                         std::uint64_t seed) {
  const TransformerConfig& config = model.config();
  require(objective.allows(config.mask), "[trainer] expected a model with the mask that objective ",
          objective.name(), " needs");
  return std::make_unique<ObjectiveSource>(objective, documents, config.vocabulary, config.context,
                                           seed);
}

// Before anything is made for a training that cannot be.
const Transformer& checked(const Transformer& model) {
  check_trainable(model.config(), model.device().kind(), model.dtype());
  return model;
}

}  // namespace

Trainer::Trainer(const Transformer& model, const Objective& objective,
                 const std::vector<Document>& documents, const TrainingOptions& options,
                 std::uint64_t seed)
    : Trainer(source_of(checked(model), objective, documents, seed), nullptr, model, options,
              seed) {}

Trainer::Trainer(const Transformer& model, ExampleSource& source, const TrainingOptions& options,
                 std::uint64_t seed)
    : Trainer(nullptr, &source, checked(model), options, seed) {}

Trainer::Trainer(std::unique_ptr<ExampleSource> own, ExampleSource* other, const Transformer& model,
                 const TrainingOptions& options, std::uint64_t seed)
    : model_(model),
      own_source_(std::move(own)),
      source_(own_source_ ? *own_source_ : *other),
      options_(options),
      seed_(seed),
      optimizer_(model, options.optimizer),
      tape_(model.device(), Tape::Mode::training) {
  require(
      options.batch > 0 && options.accumulation > 0 && options.batch % options.accumulation == 0,
      "[trainer] expected a batch above 0 that accumulation divides, got ", options.batch, " and ",
      options.accumulation);
  if (model.device().kind() == DeviceKind::cuda) {
    device_steps_ = std::make_unique<DeviceSteps>(
        model, optimizer_, tape_,
        DeviceSteps::Settings{options.accumulation, options.recompute, options.graphs, seed});
  }
  under_way_.reserve(DeviceSteps::kMostBegun);
  examples_.resize(static_cast<std::size_t>(options.batch));
  // Any place of the batch may draw the longest one at any step.
  for (Example& example : examples_) {
    example.inputs.reserve(static_cast<std::size_t>(source_.longest()));
    example.targets.reserve(static_cast<std::size_t>(source_.longest()));
    example.first_keys.reserve(static_cast<std::size_t>(source_.longest()));
  }
}

void Trainer::continue_after(std::int64_t done) {
  require(step_ == 0 && done >= 0, "[trainer] expected a trainer that has made no step, to go on ",
          "behind a step of at least 0, got ", step_, " steps made and step ", done);
  step_ = done;
}

void Trainer::draw_examples() {
  const std::int64_t first_draw = (step_ - 1) * options_.batch;
  for (std::int64_t i = 0; i < options_.batch; ++i) {
    source_.make(first_draw + i, examples_[static_cast<std::size_t>(i)]);
  }
}

// Forward and backward on the micro-batch whose first example is `first`: gradients are added to.
// Returns its part of the loss.
double Trainer::run_micro_batch(std::size_t first, double normalizer) {
  const auto count = static_cast<std::size_t>(options_.batch / options_.accumulation);
  const Batch batch = make_batch(model_.device(), examples_, first, count, model_.dtype());
  const Variable logits = model_.logits(
      tape_, {batch.ids, batch.lengths, batch.prefixes, batch.first_keys}, options_.recompute);
  const Variable loss = cross_entropy(tape_, logits, batch.targets, batch.weights, normalizer);
  const double value = loss.data().item();
  tape_.backward(loss);
  return value;
}

// Runs the largest micro-batch that a step can have and forgets it, so that whatever shapes later
// steps draw, their memory is there; then smaller ones, which would else take blocks that a step's
// larger tensors need.
void Trainer::reserve_memory() {
  for (int occasion = 0; source_.rehearse(occasion, examples_); ++occasion) {
    if (device_steps_) {
      device_steps_->rehearse(examples_);
      continue;
    }
    tape_.set_random(seed_, 0);
    run_micro_batch(0, 1.0);
  }
  rehearsed_ = true;
}

// On the calling thread and its team.
void Trainer::run_step_here(StepReport& report) {
  // The mean is over the whole step's targets, so that cutting it into micro-batches changes
  // nothing but rounding.
  const double normalizer = loss_normalizer(examples_);
  optimizer_.zero_gradients();
  tape_.set_random(seed_, static_cast<std::uint64_t>(step_));
  const auto micro_batch = static_cast<std::size_t>(options_.batch / options_.accumulation);
  for (std::size_t first = 0; first < examples_.size(); first += micro_batch) {
    report.loss += run_micro_batch(first, normalizer);
  }
  if (std::isfinite(report.loss)) {
    report.gradient_norm = optimizer_.update(report.learning_rate, step_);
  }
}

void Trainer::begin_step() {
  require(steps_under_way() < most_steps_under_way(), "[trainer] expected at most ",
          most_steps_under_way(), " steps under way");
  if (!rehearsed_) reserve_memory();
  ++step_;
  draw_examples();
  StepReport report;
  report.step = step_;
  report.learning_rate = options_.schedule.rate(step_);
  report.tokens = token_count(examples_, 0, examples_.size());
  if (device_steps_) {
    device_steps_->begin(examples_, step_, report.learning_rate);
  } else {
    run_step_here(report);
  }
  under_way_.push_back(report);
}

StepReport Trainer::end_step() {
  require(!under_way_.empty(), "[trainer] expected a step that has begun");
  StepReport report = under_way_.front();
  under_way_.erase(under_way_.begin());
  if (device_steps_) {
    const DeviceSteps::Result result = device_steps_->end();
    report.loss = result.loss;
    report.gradient_norm = result.gradient_norm;
  }
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
    throw DivergedError("training diverged at step " + std::to_string(report.step) + ": loss " +
                        std::to_string(report.loss) + ", gradient norm " +
                        std::to_string(report.gradient_norm) +
                        "; a lower learning rate or a longer warm-up may help");
  }
  return report;
}

StepReport Trainer::step() {
  require(under_way_.empty(), "[trainer] expected no step under way");
  begin_step();
  return end_step();
}

}  // namespace obverse::engine
