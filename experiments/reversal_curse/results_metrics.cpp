// metrics_of of results.h.
#include <optional>
#include <string>
#include <utility>

#include "experiments/reversal_curse/logprob_gain.h"
#include "experiments/reversal_curse/results.h"
#include "experiments/reversal_curse/statistics.h"

namespace obverse::reversal {

namespace {

using nlohmann::json;

// Any direction, as an index into the world's directions.
constexpr int kBothDirections = -1;

// One arm's outcomes of one kind of question, run by run.
struct Selection {
  std::vector<std::vector<Outcome>> runs;  // without those that were not asked
  std::size_t count = 0;
  Facts facts = Facts::own_of_each_seed;
};

Selection select(const std::vector<const RunResult*>& runs, Asked asked, int direction) {
  Selection selection;
  selection.facts = facts_of(runs);
  for (const RunResult* run : runs) {
    std::vector<Outcome> chosen;
    for (const Outcome& outcome : run->outcomes[static_cast<std::size_t>(asked)]) {
      if (direction == kBothDirections || outcome.direction == direction) chosen.push_back(outcome);
    }
    selection.count += chosen.size();
    if (!chosen.empty()) selection.runs.push_back(std::move(chosen));
  }
  return selection;
}

// The mean over runs of each run's own mean: a run counts the same however many questions it has.
template <typename Measure>
double mean_over_runs(const Selection& selection, Measure measure) {
  std::vector<double> means;
  for (const std::vector<Outcome>& run : selection.runs) {
    std::vector<double> values;
    for (const Outcome& outcome : run) values.push_back(measure(outcome));
    means.push_back(mean(values));
  }
  return mean(means);
}

// Runs are told apart by their place, not by their seed: two runs of one seed stay two.
template <typename Measure>
std::vector<Observation> observations(const Selection& selection, Measure measure) {
  std::vector<Observation> all;
  for (std::size_t run = 0; run < selection.runs.size(); ++run) {
    for (const Outcome& outcome : selection.runs[run]) {
      all.push_back({static_cast<int>(run), outcome.fact, measure(outcome)});
    }
  }
  return all;
}

json interval(const Interval& interval) { return json::array({interval.low, interval.high}); }

template <typename Measure>
void add_proportion(json& metrics, const std::string& name, const Selection& selection,
                    Measure measure) {
  metrics[name] = mean_over_runs(selection, measure);
  metrics[name + ".ci95"] =
      interval(clustered_wilson(observations(selection, measure), selection.facts));
  metrics[name + ".count"] = selection.count;
}

double is_correct(const Outcome& outcome) { return outcome.correct ? 1.0 : 0.0; }
double is_chosen(const Outcome& outcome) { return outcome.chosen ? 1.0 : 0.0; }

// Left out where the choice was not asked: one candidate is no choice.
void add_forced_choice(json& metrics, const std::string& name, const Selection& selection) {
  for (const std::vector<Outcome>& run : selection.runs) {
    for (const Outcome& outcome : run) {
      if (outcome.candidates < 2) return;
    }
  }
  add_proportion(metrics, name, selection, is_chosen);
  metrics[name + ".chance"] =
      mean_over_runs(selection, [](const Outcome& outcome) { return 1.0 / outcome.candidates; });
}

void add_logprob_gain(json& metrics, const std::string& name,
                      const std::optional<LogprobGain>& gain) {
  if (!gain) return;
  metrics[name] = gain->value;
  metrics[name + ".ci95"] = interval(gain->interval);
  metrics[name + ".t_p"] = gain->t_p;
  metrics[name + ".ks_p"] = gain->ks_p;
}

}  // namespace

json metrics_of(const std::vector<const RunResult*>& runs) {
  json metrics = json::object();
  for (int i = 0; i < kAskedCount; ++i) {
    const Asked asked = static_cast<Asked>(i);
    const std::string name = name_of(asked);
    const Selection all = select(runs, asked, kBothDirections);
    if (all.count == 0) continue;
    if (asked == Asked::infill) {
      // A way of asking for the reverse, told apart by its name and never called reverse accuracy.
      add_proportion(metrics, "reverse.infill_accuracy", all, is_correct);
    } else {
      add_proportion(metrics, name + ".accuracy", all, is_correct);
      add_forced_choice(metrics, name + ".forced_choice", all);
      add_logprob_gain(metrics, name + ".logprob_gain", logprob_gain(runs, asked, {0, 1}));
    }
    for (int direction = 0; direction < 2; ++direction) {
      const Selection part = select(runs, asked, direction);
      if (part.count == 0) continue;
      const std::string prefix =
          name + "." + runs.front()->directions[static_cast<std::size_t>(direction)];
      add_proportion(metrics, prefix + ".accuracy", part, is_correct);
      add_forced_choice(metrics, prefix + ".forced_choice", part);
      if (asked == Asked::infill) continue;
      add_logprob_gain(metrics, prefix + ".logprob_gain", logprob_gain(runs, asked, {direction}));
    }
  }
  std::map<std::string, std::vector<const ProbeResult*>> probes;
  for (const RunResult* run : runs) {
    for (const auto& [kind, result] : run->probes) probes[kind].push_back(&result);
  }
  for (const auto& [kind, results] : probes) {
    metrics.update(probe_metrics(results, facts_of(runs)));
  }
  return metrics;
}

}  // namespace obverse::reversal
