#include "engine/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/ops/cross_entropy.h"
#include "kernels/cross_entropy/cross_entropy.h"

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

Trainer::Trainer(const Transformer& model, const Objective& objective,
                 const std::vector<Document>& documents, const TrainingOptions& options,
                 std::uint64_t seed)
    : model_(model),
      objective_(objective),
      documents_(documents),
      options_(options),
      seed_(seed),
      sampler_(static_cast<std::int64_t>(documents.size()), seed),
      optimizer_(model, options.optimizer),
      tape_(model.device(), Tape::Mode::training) {
  check_trainable(model.config(), model.device().kind(), model.dtype());
  require(
      options.batch > 0 && options.accumulation > 0 && options.batch % options.accumulation == 0,
      "[trainer] expected a batch above 0 that accumulation divides, got ", options.batch, " and ",
      options.accumulation);
  require(objective.allows(model.config().mask),
          "[trainer] expected a model with the mask that objective ", objective.name(), " needs");
  std::size_t longest = 0;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    require(!documents[i].tokens.empty(),
            "[trainer] expected documents of at least one token, got ", "an empty document ", i);
    longest = std::max(longest, documents[i].tokens.size());
  }
  if (model.device().kind() == DeviceKind::cuda) {
    device_steps_ = std::make_unique<DeviceSteps>(
        model, optimizer_, tape_,
        DeviceSteps::Settings{options.accumulation, options.recompute, options.graphs, seed});
  }
  under_way_.reserve(DeviceSteps::kMostBegun);
  examples_.resize(static_cast<std::size_t>(options.batch));
  // Any place of the batch may draw the longest document at any step.
  const TextSizes needed =
      objective.model_sizes({model.config().vocabulary, static_cast<std::int64_t>(longest)});
  for (Example& example : examples_) {
    example.inputs.reserve(static_cast<std::size_t>(needed.longest));
    example.targets.reserve(static_cast<std::size_t>(needed.longest));
  }
  // Those of some visits are longer than the text: no draw of one visit tells how long they get.
  const auto text = static_cast<std::int64_t>(longest);
  if (needed.longest > text) {
    longest_example_ = static_cast<std::size_t>(std::min(needed.longest, model.config().context));
  }
}

void Trainer::draw_examples() {
  const std::int64_t first_draw = (step_ - 1) * options_.batch;
  for (std::int64_t i = 0; i < options_.batch; ++i) {
    const std::int64_t draw = first_draw + i;
    const auto item = static_cast<std::size_t>(sampler_.item(draw));
    objective_.make_example(documents_[item],
                            kernels::RandomSequence({seed_, kernels::Purpose::objective,
                                                     static_cast<std::uint64_t>(draw)}),
                            examples_[static_cast<std::size_t>(i)]);
  }
}

// Forward and backward on the micro-batch whose first example is `first`: gradients are added to.
// Returns its part of the loss.
double Trainer::run_micro_batch(std::size_t first, double normalizer) {
  const auto count = static_cast<std::size_t>(options_.batch / options_.accumulation);
  const Batch batch = make_batch(model_.device(), examples_, first, count, model_.dtype());
  const Variable logits =
      model_.logits(tape_, {batch.ids, batch.lengths, batch.prefixes}, options_.recompute);
  const Variable loss = cross_entropy(tape_, logits, batch.targets, batch.weights, normalizer);
  const double value = loss.data().item();
  tape_.backward(loss);
  return value;
}

// Runs the largest micro-batch that a step can have and forgets it, so that whatever shapes later
// steps draw, their memory is there; then those of middling and of the smallest size, which would
// else take blocks that a step's larger tensors need. One long text among short ones makes the
// batch as long, and padded.
void Trainer::reserve_memory() {
  std::vector<const Document*> by_length;
  for (const Document& document : documents_) by_length.push_back(&document);
  std::sort(by_length.begin(), by_length.end(), [](const Document* a, const Document* b) {
    return a->tokens.size() > b->tokens.size();
  });
  for (const std::size_t longest : {std::size_t{0}, by_length.size() / 2, by_length.size() - 1}) {
    for (std::size_t i = 0; i < examples_.size(); ++i) {
      objective_.make_example(i == 0 ? *by_length[longest] : *by_length.back(),
                              kernels::RandomSequence({seed_, kernels::Purpose::objective, i}),
                              examples_[i]);
    }
    Example& first = examples_.front();
    if (longest == 0 && first.inputs.size() < longest_example_) {
      first.inputs.resize(longest_example_, kPadding);
      first.targets.resize(longest_example_, kernels::kIgnoredTarget);
    }
    if (device_steps_) {
      device_steps_->rehearse(examples_);
      continue;
    }
    tape_.set_random(seed_, 0);
    run_micro_batch(0, 1.0);
  }
}

// On the calling thread and its team.
void Trainer::run_step_here(StepReport& report) {
  // The mean is over the whole step's targets, so that cutting it into micro-batches changes
  // nothing but rounding.
  const double normalizer = total_weight(examples_);
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
  if (step_ == 0) reserve_memory();
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
