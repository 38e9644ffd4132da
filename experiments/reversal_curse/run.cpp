#include "experiments/reversal_curse/run.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "engine/ops/matmul.h"
#include "experiments/reversal_curse/evaluation.h"
#include "experiments/reversal_curse/pairs_world.h"
#include "experiments/reversal_curse/published_world.h"

namespace obverse::reversal {
namespace {

// The architecture with what follows from world and objective filled in.
engine::TransformerConfig complete(const RunSettings& settings, const World& world,
                                   const engine::Objective& objective) {
  engine::TransformerConfig config = settings.architecture;
  config.vocabulary = static_cast<std::int64_t>(world.vocabulary.size());
  config.mask = objective.mask();
  if (config.context == 0) config.context = world.longest;
  kernels::require(config.context >= world.longest, "[run] expected a context of at least ",
                   world.longest, " tokens, the longest text of world ", world.name, ", got ",
                   config.context);
  config.validate();
  return config.resolved();
}

// NaN where nothing was asked.
double accuracy(const std::vector<Outcome>& outcomes) {
  if (outcomes.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto correct = std::count_if(outcomes.begin(), outcomes.end(),
                                     [](const Outcome& outcome) { return outcome.correct; });
  return static_cast<double>(correct) / static_cast<double>(outcomes.size());
}

// The curve follows trained and reverse questions alone, and of a large world a fixed part of them:
// every n-th.
std::vector<Question> curve_questions(const World& world) {
  constexpr std::size_t kMost = 300;
  std::vector<Question> all;
  for (const Question& question : world.questions) {
    if (question.asked == Asked::trained || question.asked == Asked::reverse) {
      all.push_back(question);
    }
  }
  const std::size_t stride = (all.size() + kMost - 1) / kMost;
  std::vector<Question> kept;
  for (std::size_t i = 0; i < all.size(); i += std::max<std::size_t>(1, stride)) {
    kept.push_back(all[i]);
  }
  return kept;
}

}  // namespace

nlohmann::json world_json(const RunSettings& settings) {
  if (!settings.data.empty()) {
    return {{"name", "published"},
            {"experiment", 1},
            {"name_tokens", 0},
            {"digest", settings.data_digest},
            {"facts_shared_by_seeds", true}};
  }
  // Without a seed: the run's is the world's.
  const PairsOptions& pairs = settings.pairs;
  return {{"name", "pairs"},
          {"name_tokens", pairs.name_tokens},
          {"pairs", pairs.pairs},
          {"templates", pairs.templates},
          {"share_both", pairs.share_both},
          {"share_forward", pairs.share_forward},
          {"share_reverse", pairs.share_reverse},
          {"unseen_pairs", pairs.unseen_pairs},
          {"name_pool", pairs.name_pool}};
}

namespace {

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
  nlohmann::json json = {{"objective", settings.objective},
                         {"architecture", settings.architecture},
                         {"world", world_json(settings)},
                         {"training", training},
                         {"steps", settings.training.schedule.steps},
                         {"seed", settings.seed},
                         {"device", settings.device}};
  add_arithmetic(settings, json);
  return json;
}

namespace {

World read_published(const RunSettings& settings, PublishedCounts& counts) {
  try {
    return make_published_world({.folder = settings.data, .seed = settings.seed}, &counts);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(error.what());  // bad data, not bad usage
  }
}

}  // namespace

World make_world(const RunSettings& settings) {
  if (!settings.data.empty()) {
    PublishedCounts counts;
    return read_published(settings, counts);
  }
  PairsOptions options = settings.pairs;
  options.seed = settings.seed;
  return make_pairs_world(options);
}

void check(const RunSettings& settings) {
  const auto objective = engine::make_objective(settings.objective);
  const engine::Device device = engine::Device::named(settings.device);
  const auto config = complete(settings, make_world(settings), *objective);
  engine::check_trainable(config, device.kind(), settings.precision);
  if (settings.matmul == engine::MatmulChoice::cublas) {
    const std::string reason = engine::why_no_cublas();
    kernels::require(reason.empty(), reason);
  }
}

std::optional<RunResult> run(const RunSettings& settings, const std::atomic<bool>& stop,
                             const std::function<void(std::int64_t tokens)>& progress) {
  PublishedCounts counts;
  const World world =
      settings.data.empty() ? make_world(settings) : read_published(settings, counts);
  const auto objective = engine::make_objective(settings.objective);
  const engine::TransformerConfig config = complete(settings, world, *objective);
  const engine::Device device = engine::Device::named(settings.device);
  device.choose_matmul(settings.matmul);
  const engine::Transformer model(config, device, settings.seed, settings.precision);
  engine::Trainer trainer(model, *objective, world.documents, settings.training, settings.seed);
  const std::vector<Question> followed = curve_questions(world);

  RunResult result;
  result.objective = settings.objective;
  result.architecture = config;
  result.world = world_json(settings);
  if (!settings.data.empty()) {
    result.world["facts"] = counts.facts;
    result.world["test_prompt_tokens"] = counts.test_prompt_tokens;
    result.world["unknown_test_prompt_tokens"] = counts.unknown_test_prompt_tokens;
    result.world["test_rows"] = counts.test_rows;
    result.world["unanswerable_rows"] = counts.unanswerable_rows;
  }
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
      const auto outcomes =
          ask(model, objective->decoding(), world, followed, Thoroughness::exact_match);
      result.curve.push_back({step, report.loss,
                              accuracy(outcomes[static_cast<std::size_t>(Asked::trained)]),
                              accuracy(outcomes[static_cast<std::size_t>(Asked::reverse)])});
    }
  }
  result.outcomes =
      ask(model, objective->decoding(), world, world.questions, Thoroughness::everything);
  return result;
}

}  // namespace obverse::reversal
