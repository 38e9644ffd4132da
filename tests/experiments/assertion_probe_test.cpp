// The probe of truth on a small model: what tells nothing is at chance exactly; and its section.
#include <atomic>
#include <string>

#include "experiments/reversal_curse/probes/probe.h"
#include "experiments/reversal_curse/report/summary.h"
#include "tests/experiments/made_runs.h"
#include "tests/experiments/small_model.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

std::vector<ProbeResult> probe_small_model(const std::string& objective, int steps, int times) {
  RunSettings settings;
  settings.objective = objective;
  settings.world.name = "assertions";
  settings.world.options = {{"entities_a_value", 10}, {"relations", 1}, {"values", 3},
                            {"share_quoted", 0.25},   {"claims", 1},    {"templates", 1}};
  settings.architecture.layers = 1;
  settings.architecture.width = 32;
  settings.architecture.heads = 2;
  settings.architecture.tied_embeddings = false;
  settings.training.batch = 32;
  // A rate that falls, so that what is learned in the end does not hang on the last bits.
  settings.training.schedule.kind = engine::ScheduleKind::linear;
  settings.training.schedule.peak = 3e-3;
  settings.training.schedule.steps = steps;
  settings.curve_every = 1000;
  std::vector<ProbeResult> results;
  const std::atomic<bool> stop = false;
  run(
      settings, stop, [](std::int64_t) {},
      [&](const engine::Transformer& model) {
        const PreparedRun prepared = prepare(settings);
        for (int i = 0; i < times; ++i) {
          results.push_back(
              probe_kind("assertion")
                  .run({settings, prepared.world, {}, *prepared.objective, model}, ProbeOptions{}));
        }
      });
  return results;
}

}  // namespace

TEST_CASE("what tells nothing of truth is at chance exactly", "[assertion]") {
  const std::vector<ProbeResult> results = probe_small_model("causal", 800, 2);
  const ProbeResult& result = results[0];
  CAPTURE(result.counts.dump());
  CHECK(result.counts.at("facts_held_out") == 6 * 3);
  REQUIRE(result.counts.at("facts_unknown") == 0);
  for (const std::string frame : {"plain", "denied", "quoted"}) {
    CHECK(mean_of(result, "assertion.tokens.truth." + frame + ".accuracy") == 0.5);
    // Before the first block the full stop is the same everywhere, and the value is the value.
    const std::string truth = "truth." + frame + "_to_" + frame + ".accuracy";
    CHECK(mean_of(result, "assertion.embedding." + truth) == 0.5);
    CHECK(mean_of(result, "assertion.embedding.value_token." + truth) == 0.5);
    CHECK(result.series.at("assertion.layer_0." + truth).values.size() == 2 * 18);
  }
  CHECK(mean_of(result, "assertion.embedding.said_true.true_to_false.accuracy") == 0.5);
  // Behind it the opening was read.
  CHECK(mean_of(result, "assertion.layer_0.said_true.true_to_false.accuracy") > 0.8);
  CHECK(to_json(results[0]).dump() == to_json(results[1]).dump());
}

TEST_CASE("of a model that knows too few facts nothing is probed", "[assertion]") {
  const ProbeResult result = probe_small_model("masked_uniform", 1, 1)[0];
  CHECK(result.counts.at("facts_probed") == 0);
  CHECK(result.counts.at("facts_held_out") == 18);
  CHECK(result.series.empty());
}

TEST_CASE("the probe of truth is for its own world", "[assertion]") {
  RunSettings settings;
  CHECK_FALSE(probe_kind("assertion").why_not(settings).empty());
  settings.world.name = "assertions";
  CHECK(probe_kind("assertion").why_not(settings).empty());
}

namespace {

struct Shares {
  double within = 0.5, plain_to_denied = 0.5, said_to_truth = 0.5, shuffled = 0.5;
};

std::string headline(const Shares& shares) {
  auto runs = made_up::made_arm(made_up::accuracies(1.0, 0.0), [&](RunResult& run) {
    ProbeResult& found = run.probes["assertion"];
    const auto add = [&found](const std::string& metric, double share) {
      for (int fact = 0; fact < 100; ++fact) {
        found.add(Estimator::share, metric, fact, fact < 100 * share ? 1.0 : 0.0);
      }
    };
    // The second block is the better one.
    for (const int layer : {0, 1}) {
      const std::string name = "assertion.layer_" + std::to_string(layer) + ".";
      for (const std::string from : {"plain", "denied", "quoted"}) {
        for (const std::string to : {"plain", "denied", "quoted"}) {
          double share = from == to ? shares.within : 0.5;
          if (from == "plain" && to == "denied") share = shares.plain_to_denied;
          add(name + "truth." + from + "_to_" + to + ".accuracy", layer == 1 ? share : 0.5);
        }
        add(name + "truth." + from + "_to_" + from + ".shuffled_accuracy", shares.shuffled);
      }
      add(name + "said_true.shuffled_accuracy", 0.5);
      add(name + "said_true_to_truth.accuracy", layer == 1 ? shares.said_to_truth : 0.5);
    }
  });
  return made_up::headline_of(runs, "assertion");
}

}  // namespace

TEST_CASE("the section on truth says what the intervals allow", "[assertion][question]") {
  CHECK_THAT(headline({}),
             ContainsSubstring("no linear direction tells truth within any of the three frames"));
  CHECK_THAT(headline({}), ContainsSubstring("is not told to tell truth"));
  CHECK_THAT(headline({0.9}),
             ContainsSubstring("truth is told within statements of the kind plain (90 %"));
  CHECK_THAT(headline({0.9}), ContainsSubstring("no transfer is told"));
  CHECK_THAT(headline({0.9, 0.9, 0.9}),
             ContainsSubstring("it carries over from plain to denied (90 %"));
  CHECK_THAT(headline({0.9, 0.9, 0.9}),
             ContainsSubstring("what is said to be true tells truth, too"));
  CHECK_THAT(headline({0.9, 0.1}), ContainsSubstring("it turns round from plain to denied (10 %"));
  // No better than the same probe on shuffled labels.
  CHECK_THAT(headline({0.7, 0.5, 0.5, 0.7}), ContainsSubstring("no linear direction tells truth"));
}

}  // namespace obverse::reversal
