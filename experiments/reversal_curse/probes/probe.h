// Measures of how a trained model stores its facts: once, so that a change in one place is seen in
// every question, or in separate copies. A file NAME.cpp of probes/kinds/ defines
// `std::vector<ProbeKind> NAME_probes()`, which the build finds by its name.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/model/transformer.h"
#include "engine/training/objective.h"
#include "experiments/reversal_curse/probes/probe_result.h"
#include "experiments/reversal_curse/run.h"
#include "experiments/reversal_curse/worlds/fact_records.h"

namespace obverse::reversal {

// What a probe is given. It may change the model's weights; whoever calls it brings them back.
struct ProbedModel {
  const RunSettings& settings;
  const World& world;
  const FactRecords& records;  // empty where the world has none
  const engine::Objective& objective;
  const engine::Transformer& model;  // without dropout
};

struct ProbeOptions {
  int facts = 20;     // of each model, at most
  int layer = -1;     // the block that is looked at alone, where one is; -1: (layers - 1) / 2
  int direction = 0;  // through which direction of the world facts are changed
};
void to_json(nlohmann::json& json, const ProbeOptions& options);

// Empty where the run's world has fact records.
std::string why_no_records(const RunSettings& settings);

struct ProbeKind {
  std::string name;     // first part of its metrics' names
  std::string summary;  // one line, with the paper
  std::function<ProbeResult(const ProbedModel&, const ProbeOptions&)> run;
  // Why it says nothing of such a run, as the end of a sentence; empty where it does. Usually why
  // the world's facts are not pairs of names.
  std::function<std::string(const RunSettings&)> why_not = why_no_records;
};

// All kinds, file by file in alphabetical order.
std::vector<ProbeKind> probe_kinds();
// Throws std::invalid_argument listing the names for any other.
const ProbeKind& probe_kind(const std::string& name);

// The layer that options name. Throws std::invalid_argument where the model has no such block.
std::int64_t chosen_layer(const ProbeOptions& options, const engine::TransformerConfig& config);

}  // namespace obverse::reversal
