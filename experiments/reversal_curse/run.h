// One run of the study: a world, a model, an objective and a seed, trained and asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/model/transformer_config.h"
#include "engine/training/trainer.h"
#include "experiments/reversal_curse/results.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {

struct RunSettings {
  std::string objective = "causal";  // by name, engine/training/objective.h
  // Vocabulary and, where 0, context follow from world and objective.
  engine::TransformerConfig architecture;
  std::optional<engine::MaskKind> mask;  // another than the objective's own
  WorldSettings world;
  engine::TrainingOptions training;              // schedule.steps is the run's length
  std::int64_t curve_every = 100;                // steps between points of the learning curve
  std::uint64_t seed = 0;                        // of world, initialisation, order, masks
  std::string device = "cpu";                    // or "cuda"
  engine::DType precision = engine::DType::f32;  // on CUDA bf16, too
  engine::MatmulChoice matmul = engine::MatmulChoice::own;  // on CUDA
};

// All that decides a run's outcome, by name: two runs with equal settings give equal results.
nlohmann::json to_json(const RunSettings& settings);

// What a run is made of, each part following from the ones before.
struct PreparedRun {
  World world;
  std::unique_ptr<engine::Objective> objective;
  engine::TransformerConfig config;
};
// Builds the world; throws what check() throws.
PreparedRun prepare(const RunSettings& settings);

// Throws std::invalid_argument where the run could not start: an unknown objective, heads that do
// not divide the width, a context shorter than the world's texts, ... Builds the world, trains
// nothing.
void check(const RunSettings& settings);

// Trains on the calling thread with its OpenMP team and evaluates. Calls `progress` after every
// step with the step's tokens, and `trained`, where it is given, with the model once all steps are
// done. Returns nothing where `stop` became true first. Throws engine::DivergedError where training
// diverges.
std::optional<RunResult> run(const RunSettings& settings, const std::atomic<bool>& stop,
                             const std::function<void(std::int64_t tokens)>& progress,
                             const std::function<void(const engine::Transformer&)>& trained = {});

}  // namespace obverse::reversal
