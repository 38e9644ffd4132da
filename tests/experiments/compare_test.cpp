// Differences between arms and between folders, and the corrections of many tests.
#include "experiments/reversal_curse/report/compare.h"

#include <cmath>
#include <sstream>
#include <string>

#include "experiments/reversal_curse/statistics.h"
#include "tests/experiments/made_runs.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

using made_up::accuracies;
using made_up::made_arm;
using made_up::together;

const auto kAsIs = [](RunResult&) {};
const double kNaN = std::nan("");

std::vector<RunResult> arm(double reverse, const std::string& objective, std::int64_t steps = 1500,
                           int layers = 2) {
  return made_arm(accuracies(1.0, reverse), [&](RunResult& run) {
    run.objective = objective;
    run.steps = steps;
    run.architecture["layers"] = layers;
  });
}

std::string labels_of(const report::Comparison& comparison) {
  std::string text;
  for (const report::ComparedArm& arm : comparison.arms) text += arm.label + ";";
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text << "\nshould hold: " << part);
  CHECK(text.find(part) != std::string::npos);
  return true;
}

}  // namespace

TEST_CASE("Holm's correction steps down", "[statistics]") {
  // Sorted .005, .01, .03, .04 times 4, 3, 2, 1: .02, .03, .06, .04, the last kept at .06.
  const std::vector<double> adjusted = holm({.01, .04, .03, .005});
  REQUIRE(adjusted.size() == 4);
  CHECK(adjusted[0] == Approx(.03));
  CHECK(adjusted[1] == Approx(.06));
  CHECK(adjusted[2] == Approx(.06));
  CHECK(adjusted[3] == Approx(.02));
  CHECK(holm({.9, .8}) == std::vector<double>{1.0, 1.0});
  CHECK(holm({.02}) == std::vector<double>{.02});
  CHECK(holm({}).empty());
  const std::vector<double> with_nan = holm({.03, kNaN, .01});
  CHECK(with_nan[0] == Approx(.03));
  CHECK(std::isnan(with_nan[1]));
  CHECK(with_nan[2] == Approx(.02));
}

TEST_CASE("a difference's interval is Newcombe's", "[statistics]") {
  // Newcombe 1998, table II, example (a): 56 / 70 against 48 / 80, method 10.
  const Interval interval = difference_interval(.8, wilson(56, 70), .6, wilson(48, 80));
  CHECK(interval.low == Approx(.0524).margin(5e-5));
  CHECK(interval.high == Approx(.3339).margin(5e-5));
  // Example (h): 10 / 10 against 0 / 10.
  const Interval whole = difference_interval(1.0, wilson(10, 10), 0.0, wilson(0, 10));
  CHECK(whole.low == Approx(.6075).margin(5e-5));
  CHECK(whole.high == 1.0);
  const Interval undefined = difference_interval(1.0, {kNaN, kNaN}, 0.0, {0.0, 0.1});
  CHECK(std::isnan(undefined.low));
  CHECK(std::isnan(undefined.high));
}

TEST_CASE("a folder does not differ from itself", "[compare]") {
  const auto runs = together({arm(0.3, "causal"), arm(0.5, "prefix")});
  const report::Comparison same = report::compare(runs, runs, "");
  CHECK(labels_of(same) == "causal;prefix;");
  CHECK(same.only_in_a.empty());
  CHECK(same.between_folders.empty());
  for (const report::ComparedArm& compared : same.arms) {
    CHECK(compared.differences.size() >= 6);
    for (const report::Difference& difference : compared.differences) {
      CHECK_FALSE(difference.exceeds);
    }
  }
  contains(report::render_comparison(same), "0 of ");
}

TEST_CASE("differences that exceed their intervals are marked", "[compare]") {
  const auto a = together({arm(0.0, "causal"), arm(0.5, "prefix")});
  const auto b = together({arm(0.9, "causal"), arm(0.52, "prefix")});
  const report::Comparison all = report::compare(a, b, "reverse.accuracy");
  REQUIRE(all.arms.size() == 2);
  REQUIRE(all.arms[0].differences.size() == 1);
  const report::Difference& large = all.arms[0].differences[0];
  CHECK(large.metric == "reverse.accuracy");
  CHECK(large.exceeds);
  CHECK(large.p < 1e-6);
  CHECK(large.corrected_p >= large.p);
  CHECK(large.of_difference.low > 0.8);
  CHECK_FALSE(all.arms[1].differences[0].exceeds);
  CHECK(all.arms[1].differences[0].p > 0.05);
  const std::string text = report::render_comparison(all);
  contains(text, "1 of 2 differences exceed their intervals");
  contains(text, "correction over all of them 1 does.");
  CHECK(report::compare(a, b, "reverse").arms[0].differences.size() > 4);  // directions apart, too
  CHECK(report::compare(a, b, "nothing").arms[0].differences.empty());
  std::istringstream lines(report::render_comparison(report::compare(a, b, "")));
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(line.size() <= 84);  // bytes; the dash of what is missing has three
  }
}

TEST_CASE("arms match but for what the folders differ in as a whole", "[compare]") {
  // Other steps in all of B, in A by objective: no value in common, so not matched on.
  const auto a = together(
      {arm(0.0, "causal", 1500), arm(0.0, "masked_uniform", 2000), arm(0.0, "prefix", 1500)});
  const auto b = together({arm(0.0, "masked_uniform", 3000), arm(0.0, "causal", 3000)});
  const report::Comparison steps = report::compare(a, b, "");
  REQUIRE(steps.arms.size() == 2);
  CHECK(steps.between_folders == std::vector<std::string>{"steps: 1500 and 2000 in A, 3000 in B"});
  REQUIRE(steps.only_in_a.size() == 1);
  CHECK(steps.only_in_a[0].find("prefix") == 0);
  CHECK(steps.only_in_b.empty());
  // A value in common is matched on: two layers with two layers.
  const auto deep = report::compare(together({arm(0, "causal", 9, 1), arm(0, "causal", 9, 2)}),
                                    together({arm(0, "causal", 9, 2), arm(0, "causal", 9, 4)}), "");
  CHECK(labels_of(deep) == "causal, layers 2;");
  CHECK(deep.only_in_a == std::vector<std::string>{"causal, layers 1"});
  CHECK(deep.only_in_b == std::vector<std::string>{"causal, layers 4"});
  // Two arms of A and one that could be either's partner.
  const auto either = report::compare(together({arm(0, "causal", 9, 1), arm(0, "causal", 9, 2)}),
                                      arm(0, "causal", 9, 4), "");
  CHECK(either.arms.empty());
  CHECK(either.only_in_a.size() == 2);
  CHECK(either.only_in_b.size() == 1);
  contains(report::render_comparison(either), "No arm and metric are in both folders.");
}

}  // namespace obverse::reversal
