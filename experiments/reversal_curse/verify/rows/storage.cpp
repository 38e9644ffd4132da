// Whether a fact is stored once: rows 14 to 17. What an edit propagates is a finding and no bound
// is set for it; the rows ask whether it was measured soundly.
#include <algorithm>
#include <array>

#include "experiments/reversal_curse/probes/lookup_control.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "experiments/reversal_curse/verify/row.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

const std::vector<std::string> kPreset = {"storage"};

// Ways of editing that know nothing of the model, in the order in which they are reported.
constexpr std::array<const char*, 6> kMethods = {"all_weights", "direction",  "training",
                                                 "embedding",   "one_matrix", "rank_one_at_answer"};

// The method that keeps most of unrelated facts among those that edit as well as is asked.
std::string best_method(const Evidence& evidence, const json& settings, double edited) {
  std::string best;
  double most = -1.0;
  for (const std::string method : kMethods) {
    const std::string name = "edits." + method;
    const Measured reached = evidence.at_least(settings, name + ".edited.accuracy", edited);
    const double kept = evidence.reported(settings, name + ".unrelated.kept").value;
    if (reached.holds && kept > most) {
      most = kept;
      best = method;
    }
  }
  return best;
}

std::vector<Measured> check_edits(const Evidence& evidence, const std::string& objective) {
  std::vector<Measured> all;
  constexpr double kEdited = 0.95, kKept = 0.9;
  for (const json& tied : evidence.values("architecture.tied_embeddings")) {
    const json arm = {{"objective", objective},
                      {"architecture.tied_embeddings", tied},
                      {"world.demonstrations", 0}};
    const std::string best = "edits." + best_method(evidence, arm, kEdited);
    all.push_back(evidence.at_least(arm, best + ".edited.accuracy", kEdited));
    all.push_back(evidence.at_least(arm, best + ".unrelated.kept", kKept));
    all.push_back(evidence.at_least(arm, best + ".unrelated_reverse.kept", kKept));
    for (const std::string method : kMethods) {
      const std::string name = "edits." + method;
      if (!evidence.metrics(arm).contains(name + ".phrasing.index")) continue;  // no edit was done
      for (const char* measure : {".phrasing.index", ".reverse.index", ".reverse.accuracy",
                                  ".reverse.old_accuracy", ".incoherent"}) {
        all.push_back(evidence.reported(arm, name + measure));
      }
    }
  }
  if (objective != "causal") return all;
  const json prompted = {{"objective", objective}, {"world.demonstrations", 6}};
  for (const std::string method : {"all_weights", "rank_one_at_answer"}) {
    for (const char* measure : {".prompt_old.kept", ".prompt_new.kept", ".reverse.index"}) {
      all.push_back(evidence.reported(prompted, "edits." + method + measure));
    }
  }
  return all;
}

// Edits of three models, as three seeds.
json control_metrics(bool one_table) {
  constexpr int kFacts = 150;
  std::vector<ProbeResult> results;
  std::vector<const ProbeResult*> pointers;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const LookupControl control(kFacts, seed, one_table);
    results.push_back(probe_kind("edits").run(control.probed(), {}));
  }
  for (const ProbeResult& result : results) pointers.push_back(&result);
  return probe_metrics(pointers, Facts::own_of_each_seed);
}

Measured control(const json& metrics, const std::string& what, const std::string& metric,
                 double least, double most) {
  const json ends = metrics.at(metric + ".ci95");
  Measured measured{what + ": " + metric, metrics.at(metric), Interval{ends[0], ends[1]}};
  measured.holds = measured.value >= least && measured.value <= most;
  return measured;
}

std::vector<Measured> check_control(const Evidence&) {
  const json one = control_metrics(true), two = control_metrics(false);
  return {control(one, "one table", "edits.embedding.edited.accuracy", 0.95, 1.0),
          control(one, "one table", "edits.embedding.phrasing.index", 0.9, 1.1),
          control(one, "one table", "edits.embedding.reverse.index", 0.9, 1.1),
          control(two, "two tables", "edits.embedding.phrasing.index", 0.9, 1.1),
          control(two, "two tables", "edits.embedding.reverse.index", -0.1, 0.1)};
}

// Over all parts, pairs, layers and probes of an arm: how often the interval of an accuracy over
// shuffled pairs leaves out chance. Of many intervals of 95 % some miss; a tenth would be too many.
Measured shuffled_off_chance(const Evidence& evidence, const json& arm) {
  const json& metrics = evidence.metrics(arm);
  const std::string ending = ".shuffled_accuracy";
  int count = 0, off = 0;
  for (const auto& item : metrics.items()) {
    const std::string& name = item.key();
    if (!name.starts_with("representation.") || !name.ends_with(ending)) continue;
    const double chance = metrics.at(name.substr(0, name.size() - ending.size()) + ".chance");
    const json ends = metrics.at(name + ".ci95");
    ++count;
    off += chance < ends[0].get<double>() || chance > ends[1].get<double>() ? 1 : 0;
  }
  Measured measured;
  measured.what = words_of(arm) + ": shuffled pairs whose interval leaves out chance";
  measured.value = count > 0 ? static_cast<double>(off) / count : 1.0;
  measured.interval = wilson(off, count);
  measured.holds = count > 0 && measured.value <= 0.1;
  measured.note = std::to_string(off) + " of " + std::to_string(count);
  return measured;
}

Measured holds_none(const Evidence& evidence, const json& arm, const std::string& metric) {
  Measured measured = evidence.reported(arm, metric);
  measured.holds =
      measured.holds && measured.interval->low <= 0.0 && measured.interval->high >= 0.0;
  return measured;
}

std::vector<Measured> check_probes(const Evidence& evidence) {
  std::vector<Measured> all;
  for (const json& tied : evidence.values("architecture.tied_embeddings")) {
    for (const json& objective : evidence.values("objective")) {
      const json arm = {{"objective", objective},
                        {"architecture.tied_embeddings", tied},
                        {"world.demonstrations", 0}};
      const std::string gradients = "gradients.known_both.all.";
      all.push_back(shuffled_off_chance(evidence, arm));
      all.push_back(holds_none(evidence, arm, gradients + "stranger_excess"));
      for (const char* cosine : {"unrelated", "unrelated_direction", "direction_excess"}) {
        all.push_back(evidence.reported(arm, gradients + cosine));
      }
    }
  }
  return all;
}

}  // namespace

std::vector<VerifyRow> storage_rows() {
  const auto edits = [](const std::string& objective) {
    return [objective](const Evidence& evidence) { return check_edits(evidence, objective); };
  };
  const std::string expected =
      "the best method edits >= .95 and keeps >= .9 of unrelated facts; what it propagates to "
      "phrasings and the other direction is the finding";
  return {{14,
           "causal, facts known in both directions, edited forward",
           expected,
           "BAKE: edits of large models do not turn round; from scratch unknown",
           kPreset,
           kPreset,
           edits("causal"),
           {"edits"}},
          {15,
           "masked_uniform, the same edits",
           expected,
           "unknown",
           kPreset,
           kPreset,
           edits("masked_uniform"),
           {"edits"}},
          {16,
           "models written by hand: one record of every fact, and two",
           "normalization index >= .9 and about 0",
           "sanity of the index",
           {},
           {},
           check_control},
          {17,
           "all models of the preset: shuffled pairs, gradients of unrelated facts",
           "shuffled pairs are matched at chance; an unrelated fact's cosine exceeds that of other "
           "unrelated facts by 0 (itself it is not 0: to share a frame is enough)",
           "sanity of the probes",
           kPreset,
           kPreset,
           check_probes,
           {"representation", "gradients"}}};
}

}  // namespace obverse::reversal
