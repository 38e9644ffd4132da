// Grids: every combination of objective, world, architecture, training and seed that one command
// asks for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiments/reversal_curse/run.h"

namespace obverse::reversal {

// What can vary between runs, by its path in a run's record: "architecture.layers",
// "training.batch", "world.pairs". Several values are an axis: the grid is the axes' product.
using Axes = std::map<std::string, std::vector<nlohmann::json>>;

// What `run` was asked for. What is empty takes the preset's value, and what no preset sets is
// usual.
struct GridOptions {
  std::string preset = "quick";
  std::vector<std::string> worlds;
  std::vector<std::string> objectives;
  std::vector<std::uint64_t> seeds;
  Axes axes;
  std::filesystem::path data;
  std::string device = "cpu";
  std::string precision;  // "fp32" or "bf16"; empty: bf16 on CUDA, fp32 elsewhere
  std::string matmul = "own";
  std::string recompute = "none";
};

// What the command line has to know of a path.
struct Field {
  std::string path, help;
  nlohmann::json usual;  // its type is that of all values
};
// Every field of an architecture but the vocabulary, of training, and of every world.
std::vector<Field> grid_fields();

// The runs in the order in which they are started: seed by seed, so that a grid stopped half-way
// has every arm. Throws std::invalid_argument for an unknown preset, path or word, an option that
// the world does not have, a repeated value, or a number out of range.
std::vector<RunSettings> expand(const GridOptions& options);

// The run of which `record` is to_json()'s, as a folder of results has it: of a world that is read,
// without the folder of its data. Throws std::invalid_argument where it is no such record.
RunSettings settings_of_record(const nlohmann::json& record);

}  // namespace obverse::reversal
