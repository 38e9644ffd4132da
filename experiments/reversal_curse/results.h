// What a finished run leaves behind, and its line in results.jsonl. Metric names are those of
// docs/results.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/reversal_curse/probes/probe_result.h"
#include "experiments/reversal_curse/world.h"

namespace obverse::reversal {

// One question's outcome.
struct Outcome {
  int fact = 0;
  int direction = 0;     // index into the world's directions
  bool correct = false;  // greedy exact match
  bool chosen = false;   // the right answer had the highest log-probability among the candidates
  int candidates = 1;    // among how many: chance is 1 / candidates
  double right_logprob = 0.0;  // nats, summed over the answer's tokens
  double wrong_logprob = 0.0;  // nats, of the drawn wrong answer
};

struct CurvePoint {
  std::int64_t step = 0;
  double loss = 0.0;              // nats a target, of that step's batch
  double trained_accuracy = 0.0;  // 0..1, NaN where nothing was asked
  double reverse_accuracy = 0.0;
};

struct RunResult {
  std::string objective;        // e.g. "causal"
  nlohmann::json architecture;  // every TransformerConfig field by name
  nlohmann::json world;         // name, name_tokens, pairs, templates, shares, ...
  nlohmann::json training;      // batch, learning_rate, weight_decay, warm_up, schedule, ...
  std::uint64_t seed = 0;
  std::int64_t steps = 0;
  std::int64_t tokens = 0;  // non-padding tokens trained on
  double seconds = 0.0;     // training alone
  std::string device;       // "cpu" or "cuda"
  std::array<std::string, 2> directions;
  std::array<std::vector<Outcome>, kAskedCount> outcomes;  // by Asked; empty where not asked
  std::vector<CurvePoint> curve;
  // By the probe's name; not of this line, but of probes.jsonl.
  std::map<std::string, ProbeResult> probes;
};

// One line of results.jsonl: the fields above, `metrics` (metrics_of) and the outcomes column by
// column.
nlohmann::json to_json(const RunResult& result);
// Inverse of to_json (metrics are computed again). Throws std::runtime_error naming the missing or
// mistyped field.
RunResult run_result_from_json(const nlohmann::json& line);

// Flat metric names to numbers and intervals over the outcomes of one or several runs of one arm,
// e.g.
//   "trained.accuracy": 0.99, "trained.accuracy.ci95": [0.97, 1.0], "trained.accuracy.count": 150,
//   "trained.forward.accuracy" (each direction's part, by its name), "reverse.accuracy",
//   "reverse.infill_accuracy", "both.accuracy", "unseen.accuracy", "reverse.forced_choice" with
//   ".chance", "trained.logprob_gain" and "reverse.logprob_gain" in nats with ".ci95", ".t_p",
//   ".ks_p".
// and what probes found of them, by the names of probe_metrics().
// Accuracies of several runs are means over seeds; ci95 are clustered by seed and fact
// (statistics.h). A measure that was not asked is absent.
nlohmann::json metrics_of(const std::vector<const RunResult*>& runs);

}  // namespace obverse::reversal
