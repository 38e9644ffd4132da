#include "experiments/reversal_curse/results.h"

#include <cmath>
#include <limits>
#include <string>

#include "experiments/reversal_curse/statistics.h"
#include "tests/support/catch.h"

namespace obverse::reversal {

namespace {

using nlohmann::json;

std::vector<Outcome>& outcomes_of(RunResult& result, Asked asked) {
  return result.outcomes[static_cast<std::size_t>(asked)];
}

RunResult make_result() {
  RunResult result;
  result.objective = "causal";
  result.architecture = {{"layers", 2}};
  result.world = {{"name", "pairs"}, {"name_tokens", 1}};
  result.training = {{"batch", 64}};
  result.seed = 18'446'744'073'709'551'615u;
  result.steps = 1500;
  result.tokens = 768000;
  result.seconds = 12.5;
  result.device = "cpu";
  result.directions = {"forward", "backward"};
  outcomes_of(result, Asked::trained) = {{0, 0, true, true, 4, -0.5, -4.5},
                                         {1, 0, true, true, 4, -1.0, -3.0},
                                         {2, 1, false, true, 2, -2.0, -3.0},
                                         {3, 1, true, false, 2, -1.5, -1.0}};
  outcomes_of(result, Asked::reverse) = {{0, 1, false, false, 4, -6.0, -6.25},
                                         {1, 1, false, true, 4, -7.0, -6.5}};
  outcomes_of(result, Asked::infill) = {{0, 0, true, true, 4, -0.1, -9.0}};
  result.curve = {{100, 3.25, 0.25, 0.0}, {200, 1.5, 0.75, 0.0}};
  return result;
}

std::string error_of(const json& line) {
  try {
    run_result_from_json(line);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a run's line reads back as the run") {
  RunResult result = make_result();
  // Metrics are those of the rounded values, or a reader's would differ from the line's.
  outcomes_of(result, Asked::trained)[2].right_logprob = -2.00004;
  const json line = to_json(result);
  const RunResult read = run_result_from_json(json::parse(line.dump()));
  CHECK(to_json(read).dump() == line.dump());
  CHECK(read.objective == "causal");
  CHECK(read.seed == 18'446'744'073'709'551'615u);
  CHECK(read.directions[1] == "backward");
  REQUIRE(read.outcomes[0].size() == 4);
  CHECK(read.outcomes[0][3].fact == 3);
  CHECK(read.outcomes[0][3].direction == 1);
  CHECK(read.outcomes[0][3].correct);
  CHECK_FALSE(read.outcomes[0][3].chosen);
  CHECK(read.outcomes[0][3].candidates == 2);
  CHECK(read.outcomes[0][3].wrong_logprob == -1.0);
  REQUIRE(read.curve.size() == 2);
  CHECK(read.curve[1].step == 200);
  CHECK(read.curve[1].trained_accuracy == 0.75);
}

TEST_CASE("a line's outcomes are columns") {
  RunResult result = make_result();
  outcomes_of(result, Asked::reverse)[0].right_logprob = -6.000049;
  const json line = to_json(result);
  CHECK(line["outcomes"]["trained"]["fact"] == json({0, 1, 2, 3}));
  CHECK(line["outcomes"]["trained"]["correct"] == json({1, 1, 0, 1}));
  CHECK(line["outcomes"]["trained"]["chosen"] == json({1, 1, 1, 0}));
  CHECK(line["outcomes"]["reverse"]["right"] == json({-6.0, -7.0}));
  CHECK_FALSE(line["outcomes"].contains("unseen"));
  for (const char* name : {"objective", "architecture", "world", "training", "seed", "steps",
                           "tokens", "seconds", "device", "metrics", "curve", "directions"}) {
    CHECK(line.contains(name));
  }
}

TEST_CASE("what is not a number comes back as such") {
  RunResult result = make_result();
  outcomes_of(result, Asked::reverse)[0].right_logprob = std::numeric_limits<double>::quiet_NaN();
  result.curve[0].loss = std::numeric_limits<double>::infinity();
  const json line = json::parse(to_json(result).dump());
  CHECK(line["metrics"]["reverse.logprob_gain"].is_null());
  CHECK(line["metrics"]["reverse.accuracy"] == 0.0);
  const RunResult read = run_result_from_json(line);
  CHECK(std::isnan(read.outcomes[1][0].right_logprob));
  CHECK(std::isnan(read.curve[0].loss));
}

TEST_CASE("one run's metrics") {
  const RunResult result = make_result();
  const json metrics = metrics_of({&result});
  CHECK(metrics["trained.accuracy"] == 0.75);
  CHECK(metrics["trained.accuracy.count"] == 4);
  // Four facts of one question and the two that are added: deff 6 / 5.
  const Interval expected = wilson(3.0 / 1.2, 4.0 / 1.2);
  CHECK(metrics["trained.accuracy.ci95"][0].get<double>() == Approx(expected.low));
  CHECK(metrics["trained.accuracy.ci95"][1].get<double>() == Approx(expected.high));
  CHECK(metrics["trained.forward.accuracy"] == 1.0);
  CHECK(metrics["trained.forward.accuracy.count"] == 2);
  CHECK(metrics["trained.backward.accuracy"] == 0.5);
  CHECK(metrics["trained.forced_choice"] == 0.75);
  CHECK(metrics["trained.forced_choice.chance"] == 0.375);
  CHECK(metrics["trained.backward.forced_choice.chance"] == 0.5);
  CHECK(metrics["reverse.accuracy"] == 0.0);
  CHECK(metrics["reverse.forced_choice"] == 0.5);
  CHECK(metrics["reverse.infill_accuracy"] == 1.0);
  CHECK(metrics["infill.forward.accuracy"] == 1.0);
  CHECK_FALSE(metrics.contains("infill.accuracy"));
  CHECK_FALSE(metrics.contains("reverse.forward.accuracy"));
  CHECK_FALSE(metrics.contains("both.accuracy"));
  CHECK_FALSE(metrics.contains("unseen.accuracy"));
  CHECK(metrics["trained.logprob_gain"] == Approx((4.0 + 2.0 + 1.0 - 0.5) / 4.0));
  CHECK(metrics["trained.logprob_gain.t_p"] == Approx(paired_t_test({4.0, 2.0, 1.0, -0.5})));
  CHECK(metrics["trained.logprob_gain.ks_p"] ==
        Approx(kolmogorov_smirnov_test({-0.5, -1.0, -2.0, -1.5}, {-4.5, -3.0, -3.0, -1.0})));
  CHECK(metrics["trained.logprob_gain.ci95"][0].get<double>() < 1.625);
  CHECK(metrics["trained.logprob_gain.ci95"][1].get<double>() > 1.625);
}

TEST_CASE("a fact's questions are averaged before facts are compared") {
  RunResult result = make_result();
  outcomes_of(result, Asked::trained) = {{0, 0, true, true, 2, -1.0, -5.0},
                                         {0, 0, true, true, 2, -3.0, -5.0},
                                         {0, 0, true, true, 2, -2.0, -5.0},
                                         {1, 0, false, false, 2, -4.0, -3.0}};
  const json metrics = metrics_of({&result});
  CHECK(metrics["trained.accuracy"] == 0.75);
  CHECK(metrics["trained.logprob_gain"] == Approx((3.0 - 1.0) / 2.0));
  CHECK(metrics["trained.logprob_gain.t_p"] == Approx(paired_t_test({3.0, -1.0})));
  CHECK(metrics["trained.logprob_gain.ks_p"] ==
        Approx(kolmogorov_smirnov_test({-2.0, -4.0}, {-5.0, -3.0})));
}

TEST_CASE("several runs count alike, and facts of different runs are different facts") {
  RunResult first = make_result(), second = make_result();
  second.seed = first.seed;  // even two runs of one seed stay two
  outcomes_of(first, Asked::trained) = {{0, 0, true, true, 2, -1.0, -3.0},
                                        {1, 0, true, true, 2, -1.0, -4.0},
                                        {2, 0, true, true, 2, -1.0, -2.0},
                                        {3, 0, true, true, 2, -1.0, -3.0}};
  outcomes_of(second, Asked::trained) = {{0, 0, false, true, 2, -1.0, -1.0},
                                         {1, 0, false, true, 2, -1.0, -2.0}};
  outcomes_of(second, Asked::reverse).clear();
  const json metrics = metrics_of({&first, &second});
  CHECK(metrics["trained.accuracy"] == 0.5);  // not 4 / 6
  CHECK(metrics["trained.accuracy.count"] == 6);
  const Interval expected =
      clustered_wilson({{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {0, 3, 1}, {1, 0, 0}, {1, 1, 0}});
  CHECK(metrics["trained.accuracy.ci95"][0].get<double>() == Approx(expected.low));
  CHECK(metrics["trained.logprob_gain"] == Approx((2.0 + 0.5) / 2.0));
  CHECK(metrics["trained.logprob_gain.t_p"] == Approx(paired_t_test({2, 3, 1, 2, 0, 1})));
  // Asked in one run alone: the other says nothing about it.
  CHECK(metrics["reverse.accuracy.count"] == 2);
  CHECK(metrics_of({}).empty());
}

TEST_CASE("facts that all seeds share are averaged over the seeds") {
  RunResult first = make_result(), second = make_result();
  for (RunResult* run : {&first, &second}) run->world["facts_shared_by_seeds"] = true;
  outcomes_of(first, Asked::trained) = {{0, 0, true, true, 2, -1.0, -3.0},
                                        {1, 0, true, true, 2, -1.0, -4.0},
                                        {2, 0, false, true, 2, -2.0, -2.5}};
  outcomes_of(second, Asked::trained) = {{0, 0, true, true, 2, -3.0, -4.0},
                                         {1, 0, true, true, 2, -2.0, -4.0},
                                         {2, 0, false, true, 2, -2.0, -1.5}};
  const json metrics = metrics_of({&first, &second});
  CHECK(metrics["trained.logprob_gain"] == Approx((5.5 / 3 + 2.5 / 3) / 2));
  CHECK(metrics["trained.logprob_gain.t_p"] == Approx(paired_t_test({1.5, 2.5, 0.0})));
  CHECK(metrics["trained.logprob_gain.ks_p"] ==
        Approx(kolmogorov_smirnov_test({-2.0, -1.5, -2.0}, {-3.5, -4.0, -2.0})));
  const Interval expected = clustered_wilson(
      {{0, 0, 1}, {0, 1, 1}, {0, 2, 0}, {1, 0, 1}, {1, 1, 1}, {1, 2, 0}}, Facts::shared_by_seeds);
  CHECK(metrics["trained.accuracy.ci95"][0].get<double>() == Approx(expected.low));
  CHECK(metrics["trained.forward.logprob_gain"] == metrics["trained.logprob_gain"]);
}

TEST_CASE("what was not asked has no point on the curve") {
  RunResult result = make_result();
  result.curve[0].trained_accuracy = std::numeric_limits<double>::quiet_NaN();
  const json line = json::parse(to_json(result).dump());
  CHECK(line["curve"][0]["trained_accuracy"].is_null());
  CHECK(std::isnan(run_result_from_json(line).curve[0].trained_accuracy));
}

TEST_CASE("a damaged line is told by its field") {
  json line = to_json(make_result());
  CHECK(error_of(line) == "no error");
  SECTION("not an object") { CHECK(error_of(json(3)) == "expected an object, found number"); }
  SECTION("missing") {
    line.erase("steps");
    CHECK(error_of(line) == "field \"steps\": expected a value, found none");
  }
  SECTION("another type") {
    line["objective"] = 3;
    CHECK(error_of(line) == "field \"objective\": expected a string, found number");
  }
  SECTION("a missing column") {
    line["outcomes"]["trained"].erase("right");
    CHECK(error_of(line) == "field \"outcomes.trained.right\": expected a value, found none");
  }
  SECTION("a short column") {
    line["outcomes"]["trained"]["wrong"].erase(0);
    CHECK(error_of(line) ==
          "field \"outcomes.trained.wrong\": expected 4 values, as in \"outcomes.trained.fact\", "
          "found 3");
  }
  SECTION("a mistyped element") {
    line["outcomes"]["reverse"]["chosen"][1] = "yes";
    CHECK(error_of(line) ==
          "field \"outcomes.reverse.chosen[1]\": expected an integer, found string");
  }
  SECTION("a direction that is none") {
    line["outcomes"]["reverse"]["direction"][0] = 2;
    CHECK(error_of(line) == "field \"outcomes.reverse.direction[0]\": expected 0 or 1, found 2");
  }
  SECTION("a damaged curve") {
    line["curve"][1].erase("loss");
    CHECK(error_of(line) == "field \"curve[1].loss\": expected a value, found none");
  }
}

}  // namespace obverse::reversal
