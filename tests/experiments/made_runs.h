// Made-up runs with exactly the accuracies that a test asks for.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/reversal_curse/report/summary.h"
#include "experiments/reversal_curse/results.h"

namespace obverse::reversal::made_up {

using Accuracies = std::array<double, kAskedCount>;  // by Asked; negative where not asked

inline Accuracies accuracies(double trained, double reverse, double both = 1.0,
                             double unseen = 0.0) {
  Accuracies all;
  all.fill(-1.0);
  all[static_cast<std::size_t>(Asked::trained)] = trained;
  all[static_cast<std::size_t>(Asked::reverse)] = reverse;
  all[static_cast<std::size_t>(Asked::both)] = both;
  all[static_cast<std::size_t>(Asked::unseen)] = unseen;
  return all;
}

inline Accuracies with(Accuracies all, Asked asked, double accuracy) {
  all[static_cast<std::size_t>(asked)] = accuracy;
  return all;
}

// The first `accuracy` of each direction's questions are right: no draws, so expectations are
// exact. Facts stated in one direction are asked in it when trained, in the other when reversed.
// Right answers that are not given are as likely as wrong ones.
inline void add_outcomes(RunResult& run, const Accuracies& shown, int facts) {
  for (int kind = 0; kind < kAskedCount; ++kind) {
    const auto at = static_cast<std::size_t>(kind);
    if (shown[at] < 0) continue;
    for (int i = 0; i < facts; ++i) {
      Outcome outcome;
      outcome.fact = i + (kind > 2 ? kind * facts : 0);
      outcome.direction = kind == 1 || kind == 2 ? 1 - i % 2 : i % 2;
      outcome.correct = i / 2 < static_cast<int>(std::lround(shown[at] * facts / 2));
      outcome.chosen = outcome.correct;
      outcome.candidates = 20;
      outcome.right_logprob = outcome.correct ? -0.1 - 0.001 * i : -8.0 - 0.01 * i;
      outcome.wrong_logprob = -8.0 - 0.01 * ((i * 7) % facts);
      run.outcomes[at].push_back(outcome);
    }
  }
}

inline RunResult made_run(const Accuracies& shown, std::uint64_t seed, int facts = 40) {
  RunResult run;
  run.objective = "causal";
  run.architecture = {{"layers", 2},  {"width", 64},      {"heads", 4},
                      {"context", 8}, {"vocabulary", 99}, {"tied_embeddings", false}};
  run.world = {{"name", "pairs"},
               {"name_tokens", 1},
               {"templates", 3},
               {"share_both", 0.5},
               {"expanded_facts", 0.0}};
  run.training = {{"batch", 64}, {"weight_decay", 0.1}};
  run.seed = seed;
  run.steps = 1500;
  run.tokens = 1000000;
  run.seconds = 30.0;
  run.device = "cpu";
  run.directions = {"forward", "backward"};
  add_outcomes(run, shown, facts);
  return run;
}

template <typename Change>
std::vector<RunResult> made_arm(const Accuracies& shown, Change change, int seeds = 3,
                                int facts = 40) {
  std::vector<RunResult> runs;
  for (int seed = 0; seed < seeds; ++seed) {
    runs.push_back(made_run(shown, static_cast<std::uint64_t>(seed), facts));
    change(runs.back());
  }
  return runs;
}

inline std::vector<RunResult> together(const std::vector<std::vector<RunResult>>& parts) {
  std::vector<RunResult> runs;
  for (const std::vector<RunResult>& part : parts) {
    runs.insert(runs.end(), part.begin(), part.end());
  }
  return runs;
}

// What the report's section of this name says of runs; empty where it says nothing.
inline std::string headline_of(const std::vector<RunResult>& runs, const std::string& section) {
  const nlohmann::json summary = summarize(runs, nlohmann::json::object());
  for (const nlohmann::json& question : summary.at("questions")) {
    if (question.at("name") == section) return question.at("headline");
  }
  return "";
}

}  // namespace obverse::reversal::made_up
