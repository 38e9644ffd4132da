// Grids: every combination of objective, world, architecture and seed that one command asks for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/run.h"

namespace obverse::reversal {

// What `run` was asked for. Lists are axes: the grid is their product. Empty lists and zeros take
// the preset's values.
struct GridOptions {
  std::string preset = "quick";
  std::vector<std::string> objectives;
  std::vector<std::int64_t> name_tokens, pairs, templates, layers, width, heads;
  std::vector<std::uint64_t> seeds;
  std::vector<std::int64_t> steps;  // empty: the preset's, which may depend on the objective
  std::vector<std::int64_t> batch;
  std::vector<double> learning_rate, weight_decay, dropout;
  std::vector<std::string> position, norm, feed_forward;
  double beta_2 = -1.0, clip_norm = -1.0;
  std::int64_t warm_up_steps = -1;
  std::string schedule;
  std::int64_t context = 0;
  bool tied = false;
  std::vector<double> shares;  // both, forward, reverse
  std::int64_t unseen_pairs = -1;
  std::optional<std::int64_t> name_pool;
  std::filesystem::path data;
  std::string device = "cpu";
  std::string precision;  // "fp32" or "bf16"; empty: bf16 on CUDA, fp32 elsewhere
  std::string matmul = "own";
  std::string recompute = "none";
};

struct PresetDescription {
  std::string name, summary;
};
std::vector<PresetDescription> preset_descriptions();

// The runs in the order in which they are started: seed by seed, so that a grid stopped half-way
// has every arm. Throws std::invalid_argument for an unknown preset or word, an empty or repeated
// axis, or a number out of range.
std::vector<RunSettings> expand(const GridOptions& options);

}  // namespace obverse::reversal
