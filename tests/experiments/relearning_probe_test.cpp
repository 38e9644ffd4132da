// The probe of savings: its conditions are what they are called, and its section says no more than
// the intervals.
#include <atomic>
#include <string>

#include "experiments/reversal_curse/probes/editing.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "experiments/reversal_curse/report/summary.h"
#include "tests/experiments/made_runs.h"
#include "tests/experiments/small_model.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using nlohmann::json;

// Facts that are stated both ways, learned by a small model, then probed `times` times.
std::vector<ProbeResult> probe_small_model(int pairs, int times) {
  RunSettings settings;
  settings.world.options = {{"pairs", pairs},
                            {"templates", 2},
                            {"share_both", 1.0},
                            {"name_tokens", 1},
                            {"unseen_pairs", 0}};
  settings.architecture.layers = 1;
  settings.architecture.width = 32;
  settings.architecture.heads = 2;
  settings.architecture.tied_embeddings = false;
  settings.training.batch = 32;
  // A rate that falls, so that what is learned in the end does not hang on the last bits.
  settings.training.schedule.kind = engine::ScheduleKind::linear;
  settings.training.schedule.peak = 1e-2;
  settings.training.schedule.steps = 300;
  settings.curve_every = 1000;
  std::vector<ProbeResult> results;
  const std::atomic<bool> stop = false;
  run(
      settings, stop, [](std::int64_t) {},
      [&](const engine::Transformer& model) {
        const PreparedRun prepared = prepare(settings);
        const FactRecords records = make_records(settings.world, settings.seed, prepared.world);
        const SavedWeights before(model);
        for (int i = 0; i < times; ++i) {
          before.restore();
          results.push_back(
              probe_kind("relearning")
                  .run({settings, prepared.world, records, *prepared.objective, model},
                       ProbeOptions{}));
        }
      });
  return results;
}

}  // namespace

TEST_CASE("relearning's conditions scrub, rehearse and replace what they say", "[relearning]") {
  const std::vector<ProbeResult> results = probe_small_model(14, 2);
  const ProbeResult& result = results[0];
  CAPTURE(result.counts.dump());
  CHECK(result.counts.at("facts_stated") == 14);
  CHECK(result.counts.at("facts_probed") == 10);
  CHECK(result.counts.at("groups") == 1);
  for (const std::string condition : {"intact", "removed", "replaced"}) {
    CAPTURE(condition);
    CHECK(mean_of(result, "relearning." + condition + ".scrubbed_accuracy") <= 0.3);
    const double other = mean_of(result, "relearning." + condition + ".other_accuracy");
    CHECK((condition == "intact" ? other >= 0.9 : other <= 0.3));
    const double steps = mean_of(result, "relearning." + condition + ".steps");
    CHECK(steps >= 1.0);
    CHECK(mean_of(result, "relearning." + condition + ".censored") == 0.0);
    CHECK(mean_of(result, "relearning." + condition + ".relearned_accuracy") >= 0.9);
    CHECK(mean_of(result, "relearning.fresh_on_" + condition + ".steps") > steps / 2.0);
    // Steps towards the answers are steps up.
    CHECK(mean_of(result, "relearning." + condition + ".early_logprob") >
          mean_of(result, "relearning." + condition + ".scrubbed_logprob"));
  }
  CHECK(mean_of(result, "relearning.replaced.derangement_accuracy") >= 0.9);
  CHECK(mean_of(result, "relearning.removed.derangement_accuracy") <= 0.3);
  CHECK(mean_of(result, "relearning.gain_over_removed") ==
        Approx(mean_of(result, "relearning.intact.early_logprob") -
               mean_of(result, "relearning.removed.early_logprob")));
  CHECK(result.series.at("relearning.agreement_gain").values.size() == 10);
  // Two phrasings of one direction are one record: the measure tells its help.
  CHECK(mean_of(result, "relearning.phrasing.agreement_gain") >
        mean_of(result, "relearning.agreement_gain") + 0.05);
  CHECK(mean_of(result, "relearning.phrasing.agreement_gain") > 0.05);
  CHECK(mean_of(result, "relearning.phrasing.intact.scrubbed_accuracy") <= 0.3);
  CHECK(mean_of(result, "relearning.phrasing.intact.other_accuracy") >= 0.7);
  CHECK(mean_of(result, "relearning.phrasing.replaced.derangement_accuracy") >= 0.7);
  // The same model gives the same numbers.
  CHECK(to_json(results[0]).dump() == to_json(results[1]).dump());
}

TEST_CASE("of a model that knows too few facts relearning counts them alone", "[relearning]") {
  const ProbeResult result = probe_small_model(3, 1)[0];
  CHECK(result.counts.at("groups") == 0);
  CHECK(result.counts.at("facts_known_and_not_probed") ==
        result.counts.at("facts_known_both_ways"));
  CHECK(result.series.empty());
}

namespace {

// What the section says of an arm whose probe found these; everything else is as it should be.
std::string headline(double gain, double scrubbed, double derangement = 1.0, double start = 0.0,
                     double phrasing = 0.0) {
  auto runs = made_up::made_arm(made_up::accuracies(1.0, 0.0), [&](RunResult& run) {
    ProbeResult& found = run.probes["relearning"];
    for (int fact = 0; fact < 20; ++fact) {
      const double noise = 0.1 * ((fact * 7 + static_cast<int>(run.seed) * 3) % 11 - 5) / 5.0;
      found.add(Estimator::mean, "relearning.agreement_gain", fact, gain + noise);
      found.add(Estimator::mean, "relearning.agreement_start", fact, start + noise);
      found.add(Estimator::mean, "relearning.phrasing.agreement_gain", fact, phrasing + noise);
      for (const std::string condition : {"intact", "removed", "replaced"}) {
        found.add(Estimator::share, "relearning." + condition + ".scrubbed_accuracy", fact,
                  fact < 20 * scrubbed ? 1.0 : 0.0);
        found.add(Estimator::share, "relearning." + condition + ".other_accuracy", fact,
                  condition == "intact" ? 1.0 : 0.0);
      }
      found.add(Estimator::share, "relearning.replaced.derangement_accuracy", fact,
                fact < 20 * derangement ? 1.0 : 0.0);
    }
  });
  return made_up::headline_of(runs, "relearning");
}

}  // namespace

TEST_CASE("the section on relearning says what the interval allows", "[relearning][question]") {
  CHECK_THAT(headline(0.5, 0.0), ContainsSubstring("the other direction helps to relearn."));
  CHECK_THAT(headline(-0.5, 0.0), ContainsSubstring("hinders rather than helps"));
  CHECK_THAT(headline(0.0, 0.0), ContainsSubstring("no saving is told."));
  CHECK_THAT(
      headline(0.0, 0.0, 1.0, 0.0, 1.0),
      ContainsSubstring(
          "no saving is told, less than another phrasing of the same direction helps (+1.00"));
  CHECK_THAT(headline(0.5, 0.0, 1.0, 0.5), ContainsSubstring("may be there before the first step"));
  CHECK_THAT(headline(0.5, 0.5), ContainsSubstring("nothing is said; scrubbing left facts known"));
  CHECK_THAT(headline(0.5, 0.0, 0.5),
             ContainsSubstring("nothing is said; other pairs were not surely learned"));
}

}  // namespace obverse::reversal
