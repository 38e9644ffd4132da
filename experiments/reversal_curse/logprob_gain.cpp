#include "experiments/reversal_curse/logprob_gain.h"

#include <algorithm>
#include <map>

namespace obverse::reversal {

namespace {

// Intervals of one file are drawn alike whatever else is measured: a fixed seed, named nowhere
// else.
constexpr std::uint64_t kBootstrapSeed = 0;

struct Logprobs {
  std::vector<double> right, wrong;
};

}  // namespace

Facts facts_of(const std::vector<const RunResult*>& runs) {
  const bool shared = std::any_of(runs.begin(), runs.end(), [](const RunResult* run) {
    return run->world.value("facts_shared_by_seeds", false);
  });
  return shared ? Facts::shared_by_seeds : Facts::own_of_each_seed;
}

std::optional<LogprobGain> logprob_gain(const std::vector<const RunResult*>& runs, Asked asked,
                                        const std::vector<int>& directions) {
  const Facts facts = facts_of(runs);
  std::vector<Observation> gains;
  std::vector<double> run_means;
  std::map<std::pair<int, int>, Logprobs>
      units;  // by run, where each has facts of its own, and fact
  for (std::size_t run = 0; run < runs.size(); ++run) {
    std::map<int, Logprobs> by_fact;
    for (const Outcome& outcome : runs[run]->outcomes[static_cast<std::size_t>(asked)]) {
      if (std::find(directions.begin(), directions.end(), outcome.direction) == directions.end()) {
        continue;
      }
      by_fact[outcome.fact].right.push_back(outcome.right_logprob);
      by_fact[outcome.fact].wrong.push_back(outcome.wrong_logprob);
    }
    if (by_fact.empty()) continue;
    std::vector<double> run_gains;
    for (const auto& [fact, logprobs] : by_fact) {
      const double right = mean(logprobs.right), wrong = mean(logprobs.wrong);
      const int owner = facts == Facts::shared_by_seeds ? 0 : static_cast<int>(run);
      units[{owner, fact}].right.push_back(right);
      units[{owner, fact}].wrong.push_back(wrong);
      run_gains.push_back(right - wrong);
      gains.push_back({static_cast<int>(run), fact, right - wrong});
    }
    run_means.push_back(mean(run_gains));
  }
  if (gains.empty()) return std::nullopt;
  std::vector<double> differences, right, wrong;
  for (const auto& [unit, logprobs] : units) {
    right.push_back(mean(logprobs.right));
    wrong.push_back(mean(logprobs.wrong));
    differences.push_back(right.back() - wrong.back());
  }
  return LogprobGain{mean(run_means), clustered_bootstrap(gains, kBootstrapSeed, facts),
                     paired_t_test(differences), kolmogorov_smirnov_test(right, wrong)};
}

}  // namespace obverse::reversal
