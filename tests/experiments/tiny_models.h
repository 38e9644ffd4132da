// A model that has learned a tiny world, ready to be probed.
#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

#include "engine/checkpoint/weights.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "tests/support/temporary_folder.h"

namespace obverse::reversal {

// A few pairs, most of them stated both ways, that two small blocks learn in a second.
inline RunSettings tiny_run(const std::string& objective, std::int64_t steps = 300) {
  RunSettings settings;
  settings.objective = objective;
  settings.architecture.width = 32;
  settings.architecture.heads = 2;
  settings.architecture.tied_embeddings = false;
  settings.world.options = {
      {"pairs", 16}, {"share_both", 0.75}, {"unseen_pairs", 2}, {"templates", 2}};
  settings.training.schedule.steps = steps;
  settings.training.schedule.peak = 1e-2;
  settings.training.batch = 16;
  settings.curve_every = steps;
  return settings;
}

class TinyModel {
 public:
  explicit TinyModel(const RunSettings& settings)
      : settings_(settings),
        prepared_(prepare(settings)),
        records_(make_records(settings.world, settings.seed)),
        model_(prepared_.config, engine::Device::cpu(), settings.seed),
        probed_{settings_, prepared_.world, records_, *prepared_.objective, model_} {
    const std::atomic<bool> stop{false};
    run(
        settings, stop, [](std::int64_t) {},
        [this](const engine::Transformer& trained) {
          model_.weights().copy_from(trained.weights());
        });
  }

  const ProbedModel& probed() const { return probed_; }

 private:
  const RunSettings settings_;
  const PreparedRun prepared_;
  const FactRecords records_;
  const engine::Transformer model_;
  const ProbedModel probed_;
};

}  // namespace obverse::reversal
