#include <algorithm>
#include <string>

#include "experiments/reversal_curse/probes/asking.h"
#include "experiments/reversal_curse/probes/lookup_control.h"
#include "experiments/reversal_curse/probes/probe.h"
#include "tests/experiments/small_model.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

double metric(const ProbeResult& result, const std::string& name) {
  const nlohmann::json metrics = probe_metrics({&result}, Facts::own_of_each_seed);
  INFO(name);
  REQUIRE(metrics.contains(name));
  return metrics.at(name).get<double>();
}

ProbeResult edits_of(const ProbedModel& probed, const ProbeOptions& options) {
  return probe_kind("edits").run(probed, options);
}

TEST_CASE("one record of a fact has a normalization index of 1", "[probes]") {
  const LookupControl control(40, 2);
  for (const int direction : {0, 1}) {
    const ProbeResult result = edits_of(control.probed(), {.facts = 4, .direction = direction});
    CHECK(result.counts.at("facts_stated") == 40);
    CHECK_FALSE(result.counts.contains("facts_unknown_before"));
    CHECK(metric(result, "edits.embedding.done") == 1.0);
    CHECK(metric(result, "edits.embedding.phrasing.index") == Approx(1.0).margin(0.02));
    CHECK(metric(result, "edits.embedding.reverse.index") > 0.9);
    CHECK(metric(result, "edits.embedding.reverse.index") < 1.1);
    CHECK(metric(result, "edits.embedding.unrelated.kept") > 0.9);
    // Nothing but the table holds a record.
    CHECK(metric(result, "edits.one_matrix.done") == 0.0);
    CHECK(result.counts.at("one_matrix_not_reached") == 4);
  }
}

TEST_CASE("two records of a fact have a normalization index of 0", "[probes]") {
  const LookupControl control(40, 2, false);
  const ProbeResult result = edits_of(control.probed(), {.facts = 4});
  CHECK_FALSE(result.counts.contains("facts_unknown_before"));
  CHECK(metric(result, "edits.embedding.done") == 1.0);
  CHECK(metric(result, "edits.embedding.phrasing.index") == Approx(1.0).margin(0.02));
  CHECK(std::abs(metric(result, "edits.embedding.reverse.index")) < 0.1);
  CHECK(metric(result, "edits.embedding.incoherent") == 1.0);
}

TEST_CASE("edits are the same again, and the model's weights as before", "[probes]") {
  const SmallModel small(quickly_learned("causal"));
  small.train(kStepsToLearn);
  const ProbedModel& probed = small.probed();
  const std::vector<float> before = probed.model.weights().to_vector<float>();
  const ProbeOptions options{.facts = 2};
  const ProbeResult result = edits_of(probed, options);
  CHECK(probed.model.weights().to_vector<float>() == before);
  CHECK(to_json(result) == to_json(edits_of(probed, options)));
  CHECK(result.counts.at("facts_edited") == 2);
  CHECK(metric(result, "edits.all_weights.edited.accuracy") == 1.0);
  CHECK(metric(result, "edits.all_weights.phrasing.index") > 0.5);
  // What is written to disk and read again is the same.
  CHECK(to_json(probe_result_from_json(to_json(result))) == to_json(result));
}

TEST_CASE("facts that a model does not know are counted and not edited", "[probes]") {
  const SmallModel small(quickly_learned("causal"));
  const ProbeResult result = edits_of(small.probed(), {});
  CHECK(result.counts.at("facts_edited") == 0);
  CHECK(result.counts.at("facts_unknown_before") == result.counts.at("facts_stated"));
  CHECK(result.series.empty());
}

TEST_CASE("a stated prompt is asked of models that were taught to read them", "[probes]") {
  RunSettings settings = quickly_learned("causal");
  settings.world.options["demonstrations"] = 2;
  const SmallModel small(settings);
  CHECK(small.records.reads_prompts);
  const FactRecords& records = small.records;
  const FactRecord& fact = records.facts[0];
  const AskedAnswer says =
      ask_in(records, records.phrasing(fact.trained[0][0]), fact.names[0], fact.names[1]);
  const AskedAnswer asked =
      ask_in(records, records.phrasing(fact.question[1]), fact.names[1], fact.names[0]);
  const AskedAnswer both = ask_behind(says, asked);
  // begin, three fillers, two names and a relation; then all of the question but its begin.
  CHECK(both.before.size() == says.before.size() + 1 + asked.before.size() - 1);
  CHECK(std::count(both.before.begin(), both.before.end(), engine::kBeginOfText) == 1);
  CHECK(std::count(both.before.begin(), both.before.end(), engine::kEndOfText) == 0);
  CHECK(both.answer == asked.answer);
}

TEST_CASE("shares, means and ratios of a probe have their intervals", "[probes]") {
  ProbeResult a, b;
  for (int fact = 0; fact < 10; ++fact) {
    a.add(Estimator::share, "edits.s", fact, fact < 9 ? 1.0 : 0.0);
    a.add(Estimator::mean, "edits.m", fact, 2.0);
    a.add(Estimator::ratio, "edits.r", fact, 1.0 + fact, 2.0 * (1.0 + fact));
    b.add(Estimator::ratio, "edits.r", fact, 0.0, 2.0 * (1.0 + fact));
  }
  const nlohmann::json metrics = probe_metrics({&a, &b}, Facts::own_of_each_seed);
  CHECK(metrics.at("edits.s") == Approx(0.9));
  CHECK(metrics.at("edits.s.ci95")[0] < 0.75);
  CHECK(metrics.at("edits.s.count") == 10);
  CHECK(metrics.at("edits.m") == 2.0);
  CHECK(metrics.at("edits.m.ci95") == nlohmann::json({2.0, 2.0}));
  // A mean of ratios would be the same whatever the weights; a ratio of sums is their mean here.
  CHECK(metrics.at("edits.r") == Approx(0.25));
  CHECK(metrics.at("edits.r.ci95")[0] == Approx(0.0));
  CHECK(metrics.at("edits.r.ci95")[1] == Approx(0.5));
}

}  // namespace
}  // namespace obverse::reversal
