// A small model of the world of pairs as probes see it, without training or after a little of it.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "engine/training/trainer.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "tests/support/catch.h"

namespace obverse::reversal {

struct SmallModel {
  explicit SmallModel(const RunSettings& wanted)
      : settings(wanted),
        prepared(prepare(settings)),
        model(prepared.config, engine::Device::cpu(), settings.seed),
        records(make_records(settings.world, settings.seed, prepared.world)) {}

  ProbedModel probed() const {
    return {settings, prepared.world, records, *prepared.objective, model};
  }

  void train(std::int64_t steps) const {
    engine::TrainingOptions options = settings.training;
    options.schedule.steps = steps;
    engine::Trainer trainer(model, *prepared.objective, prepared.world.documents, options, 1);
    while (trainer.steps_done() < steps) trainer.step();
  }

  // Initial weights are so small that blocks hardly change the stream.
  void enlarge(float factor) const {
    std::vector<float> weights = model.weights().to_vector<float>();
    for (float& weight : weights) weight = weight == 1.0f ? 1.0f : weight * factor;  // gains stay
    model.weights().write(weights.data());
  }

  const RunSettings settings;
  const PreparedRun prepared;
  const engine::Transformer model;
  const FactRecords records;
};

inline RunSettings small_settings(const std::string& objective, int name_tokens, int pairs,
                                  double share_both = 1.0) {
  RunSettings settings;
  settings.objective = objective;
  settings.architecture.layers = 1;
  settings.architecture.width = 16;
  settings.architecture.heads = 2;
  settings.architecture.tied_embeddings = false;
  settings.world.options = {{"pairs", pairs},
                            {"name_tokens", name_tokens},
                            {"templates", 2},
                            {"share_both", share_both},
                            {"unseen_pairs", 2}};
  settings.training.batch = 32;
  settings.training.schedule.peak = 1e-2;
  settings.seed = 5;
  return settings;
}

// A few pairs, most of them stated both ways, that two blocks learn in a second
// (SmallModel::train).
inline RunSettings quickly_learned(const std::string& objective) {
  RunSettings settings = small_settings(objective, 1, 16, 0.75);
  settings.architecture.layers = 2;
  settings.architecture.width = 32;
  settings.training.batch = 16;
  // A rate that falls, so that what is learned in the end does not hang on the last bits.
  settings.training.schedule.kind = engine::ScheduleKind::linear;
  settings.seed = 0;
  return settings;
}
inline constexpr std::int64_t kStepsToLearn = 300;

// All facts of the records, as though the model knew them.
inline std::vector<const FactRecord*> all_stated(const FactRecords& records) {
  std::vector<const FactRecord*> facts;
  for (const FactRecord& fact : records.facts) {
    if (fact.stated[0] && fact.stated[1]) facts.push_back(&fact);
  }
  return facts;
}

// The mean of what a probe observed.
inline double mean_of(const ProbeResult& result, const std::string& metric) {
  CAPTURE(metric);
  REQUIRE(result.series.count(metric) == 1);
  return mean(result.series.at(metric).values);
}

inline Interval interval_of(const ProbeResult& result, const std::string& metric) {
  ProbeResult alone;
  alone.series[metric] = result.series.at(metric);
  const nlohmann::json metrics = probe_metrics({&alone}, Facts::own_of_each_seed);
  return {metrics.at(metric + ".ci95").at(0), metrics.at(metric + ".ci95").at(1)};
}

}  // namespace obverse::reversal
