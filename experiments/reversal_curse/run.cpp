#include "experiments/reversal_curse/run.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "engine/ops/matmul.h"
#include "experiments/reversal_curse/evaluation.h"

namespace obverse::reversal {
namespace {

// NaN where nothing was asked.
double accuracy(const std::vector<Outcome>& outcomes) {
  if (outcomes.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto correct = std::count_if(outcomes.begin(), outcomes.end(),
                                     [](const Outcome& outcome) { return outcome.correct; });
  return static_cast<double>(correct) / static_cast<double>(outcomes.size());
}

// The curve follows trained and reverse questions alone, and of a large world a fixed part of them:
// every n-th, each time one further on, since kinds of questions may take turns.
std::vector<Question> curve_questions(const World& world) {
  constexpr std::size_t kMost = 300;
  std::vector<Question> all;
  for (const Question& question : world.questions) {
    if (question.asked == Asked::trained || question.asked == Asked::reverse) {
      all.push_back(question);
    }
  }
  const std::size_t stride = std::max<std::size_t>(1, (all.size() + kMost - 1) / kMost);
  std::vector<Question> kept;
  for (std::size_t i = 0; i < all.size(); i += stride) {
    kept.push_back(all[std::min(i + i / stride % stride, all.size() - 1)]);
  }
  return kept;
}

// How a GPU computes, which changes results within rounding. Runs on the CPU say nothing of it.
void add_arithmetic(const RunSettings& settings, nlohmann::json& json) {
  if (settings.device == "cpu") return;
  json["precision"] = settings.precision == engine::DType::bf16 ? "bf16" : "fp32";
  json["matmul"] = settings.matmul == engine::MatmulChoice::cublas ? "cublas" : "own";
}

}  // namespace

nlohmann::json to_json(const RunSettings& settings) {
  nlohmann::json training = settings.training;
  training["curve_every"] = settings.curve_every;
  nlohmann::json architecture = settings.architecture;
  // Unless it is chosen, the mask follows from the objective.
  if (!settings.mask) architecture.erase("mask");
  nlohmann::json json = {{"objective", settings.objective},
                         {"architecture", architecture},
                         {"world", record_of(settings.world)},
                         {"training", training},
                         {"steps", settings.training.schedule.steps},
                         {"seed", settings.seed},
                         {"device", settings.device}};
  add_arithmetic(settings, json);
  return json;
}

PreparedRun prepare(const RunSettings& settings) {
  PreparedRun ready;
  ready.world = make_world(settings.world, settings.seed);
  const engine::TextSizes texts{static_cast<std::int64_t>(ready.world.vocabulary.size()),
                                ready.world.longest};
  ready.objective = engine::make_objective(settings.objective, texts);
  const engine::TextSizes needed = ready.objective->model_sizes(texts);
  engine::TransformerConfig config = settings.architecture;
  config.vocabulary = needed.vocabulary;
  config.mask = settings.mask.value_or(ready.objective->mask());
  if (config.context == 0) config.context = needed.longest;
  kernels::require(config.context >= needed.longest, "[run] expected a context of at least ",
                   needed.longest, " tokens, the longest text of world ", ready.world.name,
                   ", got ", config.context);
  kernels::require(ready.objective->allows(config.mask), "[run] expected a mask that objective ",
                   settings.objective, " can learn under, got ", nlohmann::json(config.mask));
  config.validate();
  ready.config = config.resolved();
  return ready;
}

void check(const RunSettings& settings) {
  const PreparedRun ready = prepare(settings);
  const engine::Device device = engine::Device::named(settings.device);
  engine::check_trainable(ready.config, device.kind(), settings.precision);
  if (settings.matmul == engine::MatmulChoice::cublas) {
    const std::string reason = engine::why_no_cublas();
    kernels::require(reason.empty(), reason);
  }
}

std::optional<RunResult> run(const RunSettings& settings, const std::atomic<bool>& stop,
                             const std::function<void(std::int64_t tokens)>& progress,
                             const std::function<void(const engine::Transformer&)>& trained) {
  const PreparedRun ready = prepare(settings);
  const World& world = ready.world;
  const engine::Objective& objective = *ready.objective;
  const engine::Device device = engine::Device::named(settings.device);
  device.choose_matmul(settings.matmul);
  const engine::Transformer model(ready.config, device, settings.seed, settings.precision);
  engine::Trainer trainer(model, objective, world.documents, settings.training, settings.seed);
  const std::vector<Question> followed = curve_questions(world);

  RunResult result;
  result.objective = settings.objective;
  result.architecture = ready.config;
  result.world = record_of(settings.world);
  result.world.update(world.counts);
  result.training = settings.training;
  result.training["curve_every"] = settings.curve_every;
  add_arithmetic(settings, result.training);
  result.seed = settings.seed;
  result.steps = settings.training.schedule.steps;
  result.device = engine::name_of(device.kind());
  result.directions = world.directions;

  while (trainer.steps_done() < result.steps) {
    if (stop.load(std::memory_order_relaxed)) return std::nullopt;
    const std::int64_t step = trainer.steps_done() + 1;
    const bool is_point = step == 1 || step % settings.curve_every == 0 || step == result.steps;
    engine::StepReport report;
    const auto start = std::chrono::steady_clock::now();
    trainer.begin_step();
    // A GPU is kept at work: the next step begins before this one has ended.
    const std::int64_t left = is_point ? 0 : trainer.most_steps_under_way() - 1;
    while (trainer.steps_under_way() > left) {
      report = trainer.end_step();
      result.tokens += report.tokens;
      progress(report.tokens);
    }
    result.seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (is_point) {
      const auto outcomes = ask(model, objective, world, followed, Thoroughness::exact_match);
      result.curve.push_back({step, report.loss,
                              accuracy(outcomes[static_cast<std::size_t>(Asked::trained)]),
                              accuracy(outcomes[static_cast<std::size_t>(Asked::reverse)])});
    }
  }
  if (trained) trained(model);
  result.outcomes = ask(model, objective, world, world.questions, Thoroughness::everything);
  return result;
}

}  // namespace obverse::reversal
