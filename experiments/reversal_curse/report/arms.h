// Runs grouped into arms (everything equal but the seed), with a short label each.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/reversal_curse/results.h"

namespace obverse::reversal::report {

struct Arm {
  std::string
      label;  // objective, then only what tells arms apart: "causal, k = 1, layers 4"; unique
  std::vector<const RunResult*> runs;  // in order of appearance; at least one
};

// Every setting of an arm by its path, e.g. "world.name_tokens", "training.steps".
using Settings = std::map<std::string, nlohmann::json>;
Settings settings_of(const RunResult& run);

// Whether a setting merely follows from others: sizes that the world decides, what a world counted.
bool is_derived(const std::string& path, const Settings& settings);

// A label each of only what tells these apart, in words; unique. Settings may lack any path,
// "objective" too.
std::vector<std::string> labels_of(const std::vector<Settings>& settings);

// "causal:0.95+entity_reversed:0.05" -> "95 % causal + 5 % entity reversed".
std::string objective_words(const std::string& objective);

// Ordered by first appearance. Holds pointers into `runs`.
std::vector<Arm> arms_of(const std::vector<RunResult>& runs);

// The world of a run without its seed, which belongs to the run and not to the arm.
nlohmann::json world_without_seed(const RunResult& run);

// Settings whose values differ between arms, as "architecture.layers"; "objective" where objectives
// differ.
std::vector<std::string> varied_settings(const std::vector<Arm>& arms);

}  // namespace obverse::reversal::report
