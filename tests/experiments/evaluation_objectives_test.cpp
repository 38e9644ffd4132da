// Small models of every objective with a reading of its own: what they were trained on they answer,
// in gaps, too, but where an objective never asks for the source of a fact.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/training/trainer.h"
#include "experiments/reversal_curse/evaluation.h"
#include "tests/experiments/tiny_world.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using Tokens = std::vector<std::int32_t>;

struct Asking {
  std::string objective;
  std::int64_t steps = 0;
  bool infills = false, fills_source = false;
};

struct Shares {
  double trained = 0.0, infill = 0.0;
  std::size_t infills_asked = 0;
};

double share_correct(const std::vector<Outcome>& outcomes) {
  const auto correct = std::count_if(outcomes.begin(), outcomes.end(),
                                     [](const Outcome& outcome) { return outcome.correct; });
  return static_cast<double>(correct) /
         static_cast<double>(std::max<std::size_t>(1, outcomes.size()));
}

Shares shares_of(const Asking& asking) {
  const World world = tiny_world();
  const engine::TextSizes texts{static_cast<std::int64_t>(world.vocabulary.size()), world.longest};
  const auto objective = engine::make_objective(asking.objective, texts);
  const engine::TextSizes needed = objective->model_sizes(texts);
  engine::TransformerConfig config;
  config.layers = 2;
  config.width = 32;
  config.heads = 2;
  config.vocabulary = needed.vocabulary;
  config.context = needed.longest;
  config.mask = objective->mask();
  config.tied_embeddings = false;
  const engine::Transformer model(config, engine::Device::cpu(), 1);
  engine::TrainingOptions options;
  options.batch = 24;
  options.schedule.peak = 5e-3;
  options.schedule.steps = asking.steps;
  engine::Trainer trainer(model, *objective, world.documents, options, 1);
  while (trainer.steps_done() < asking.steps) trainer.step();
  const auto outcomes =
      ask(model, *objective, world, questions_on_training(world, true), Thoroughness::exact_match);
  const auto& infills = outcomes[static_cast<std::size_t>(Asked::infill)];
  return {share_correct(outcomes[static_cast<std::size_t>(Asked::trained)]), share_correct(infills),
          infills.size()};
}

TEST_CASE("what a model of any objective has memorised it answers", "[evaluation]") {
  const Asking asking =
      GENERATE(Asking{"segment_reversed", 400, false, false},
               Asking{"identity_bridge", 300, false, false}, Asking{"permuted", 600, true, true},
               Asking{"infilling", 900, true, true}, Asking{"causal_masked", 450, true, true},
               Asking{"causal_masked_source_kept", 450, true, false},
               Asking{"causal:0.5+masked_uniform:0.5", 900, true, true});
  const Shares shares = shares_of(asking);
  INFO(asking.objective << ": trained " << shares.trained << ", infill " << shares.infill);
  CHECK(shares.trained >= 0.99);
  CHECK((shares.infills_asked > 0) == asking.infills);
  if (asking.infills) CHECK((asking.fills_source ? shares.infill >= 0.99 : shares.infill == 0.0));
}

}  // namespace
}  // namespace obverse::reversal
