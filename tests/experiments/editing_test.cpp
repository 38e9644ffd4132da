#include "experiments/reversal_curse/probes/editing.h"

#include <cmath>
#include <vector>

#include "experiments/reversal_curse/probes/linear_algebra.h"
#include "experiments/reversal_curse/probes/lookup_control.h"
#include "tests/experiments/small_model.h"
#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

// Fact 0 in its first phrasing, with the answer of fact 1.
Edit edit_of(const ProbedModel& probed) {
  const FactRecords& records = probed.records;
  const FactRecord &fact = records.facts[0], &other = records.facts[1];
  const FactPhrasing& phrasing = records.phrasing(fact.trained[0][0]);
  return {{ask_in(records, phrasing, fact.names[0], other.names[1])},
          {},
          {ask_in(records, phrasing, other.names[0], other.names[1])}};
}

double probability(const ProbedModel& probed, const AskedAnswer& asked) {
  return std::exp(score_all(probed, {asked})[0].logprob);
}

// The parameters that differ from `before`.
std::vector<std::string> changed(const engine::Transformer& model,
                                 const std::vector<float>& before) {
  std::vector<std::string> names;
  std::size_t offset = 0;
  const std::vector<float> now = model.weights().to_vector<float>();
  for (const engine::Parameter& parameter : model.parameters()) {
    const auto size = static_cast<std::size_t>(parameter.variable.data().elements());
    for (std::size_t i = offset; i < offset + size; ++i) {
      if (now[i] != before[i]) {
        names.push_back(parameter.name);
        break;
      }
    }
    offset += size;
  }
  return names;
}

TEST_CASE("an answer's loss is its log-probability as it is asked", "[probes]") {
  for (const std::string objective : {"causal", "masked_uniform", "permuted"}) {
    INFO(objective);
    const SmallModel small(small_settings(objective, 2, 8));
    small.train(20);
    const ProbedModel& probed = small.probed();
    const AskedAnswer asked = edit_of(probed).asked[0];
    std::vector<engine::Example> examples;
    add_answer_examples(probed.objective, asked, examples);
    const double expected = -score_all(probed, {asked})[0].logprob;
    CHECK(loss_of(probed.model, examples, 1.0) == Approx(expected).epsilon(1e-5));
    CHECK(loss_and_gradient(probed.model, examples, 2.0) == Approx(expected / 2).epsilon(1e-5));
  }
}

TEST_CASE("every way of editing makes the answer hold, and changes what it says", "[probes]") {
  const SmallModel small(quickly_learned("causal"));
  small.train(kStepsToLearn);
  const ProbedModel& probed = small.probed();
  const Edit edit = edit_of(probed);
  const AskedAnswer known = edit.donors[0];
  REQUIRE(probability(probed, known) > 0.8);
  REQUIRE(probability(probed, edit.asked[0]) < 0.1);
  const SavedWeights saved(probed.model);
  const std::vector<float> before = probed.model.weights().to_vector<float>();
  const std::string matrix = feed_forward_matrix(0);
  const auto apply = [&](std::unique_ptr<Editor> editor) {
    saved.restore();
    const EditReport report = editor->apply(edit);
    CHECK(report.outcome == EditOutcome::done);
    CHECK(report.steps > 0);
    CHECK(probability(probed, edit.asked[0]) > 0.5);
    return changed(probed.model, before);
  };
  CHECK(apply(make_gradient_editor(probed)).size() > 10);
  CHECK(apply(make_training_editor(probed)).size() > 10);
  CHECK(apply(make_gradient_editor(probed, matrix)) == std::vector<std::string>{matrix});
  CHECK(apply(make_rank_one_editor(probed, 0, EditPlace::answer)) ==
        std::vector<std::string>{matrix});
  saved.restore();
  CHECK(changed(probed.model, before).empty());
  CHECK_THROWS_WITH(make_rank_one_editor(probed, 1, EditPlace::subject),
                    ContainsSubstring("expected a block before the last of 2"));
  CHECK_THROWS_WITH(make_gradient_editor(probed, "nothing"), ContainsSubstring("got nothing"));
}

// Rows of the change are multiples of one another.
TEST_CASE("a rank-one edit is of rank one", "[probes]") {
  const SmallModel small(quickly_learned("causal"));
  small.train(kStepsToLearn);
  const ProbedModel& probed = small.probed();
  const auto matrix = [&] {
    for (const engine::Parameter& parameter : probed.model.parameters()) {
      if (parameter.name == feed_forward_matrix(0)) return parameter.variable.data().to_doubles();
    }
    return std::vector<double>();
  };
  std::vector<double> change = matrix();
  make_rank_one_editor(probed, 0, EditPlace::answer)->apply(edit_of(probed));
  const std::vector<double> after = matrix();
  for (std::size_t i = 0; i < change.size(); ++i) change[i] = after[i] - change[i];
  const auto columns = static_cast<std::size_t>(probed.model.config().hidden);
  std::vector<std::vector<double>> rows;
  for (std::size_t i = 0; i < change.size(); i += columns) {
    rows.emplace_back(change.begin() + static_cast<std::ptrdiff_t>(i),
                      change.begin() + static_cast<std::ptrdiff_t>(i + columns));
  }
  std::size_t largest = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (dot(rows[i], rows[i]) > dot(rows[largest], rows[largest])) largest = i;
  }
  const double size = dot(rows[largest], rows[largest]);
  REQUIRE(size > 0.0);
  for (const std::vector<double>& row : rows) {
    // By Cauchy and Schwarz, up to the rounding of weights near 0.1 in f32.
    const double cosine_gap =
        dot(row, row) - dot(row, rows[largest]) * dot(row, rows[largest]) / size;
    CHECK(cosine_gap < 1e-6 * size);
  }
}

// Of six by six names no token tells the next: a record of the first one alone would be followed by
// the old second one.
TEST_CASE("an answer of several tokens is written at each of their places", "[probes]") {
  RunSettings settings = quickly_learned("causal");
  settings.world.options.update({{"name_tokens", 2}, {"name_pool", 6}});
  const SmallModel small(settings);
  small.train(kStepsToLearn);
  const ProbedModel& probed = small.probed();
  const SavedWeights saved(probed.model);
  const std::unique_ptr<Editor> editor = make_rank_one_editor(probed, 0, EditPlace::answer);
  const std::vector<FactRecord>& facts = probed.records.facts;
  const FactPhrasing& phrasing = probed.records.phrasing(facts[0].trained[0][0]);
  for (std::size_t i = 0; i < 4; ++i) {
    const int from = facts[i].names[0], to = facts[i + 1].names[1];
    const AskedAnswer wanted = ask_in(probed.records, phrasing, from, to);
    const Edit edit{{wanted}, {}, {ask_in(probed.records, phrasing, facts[i + 1].names[0], to)}};
    saved.restore();
    INFO(i);
    CHECK(editor->apply(edit).outcome == EditOutcome::done);
    CHECK(probability(probed, wanted) > 0.5);
  }
}

TEST_CASE("weights that have no say in an answer are not said to be edited", "[probes]") {
  const LookupControl control(10, 1);
  const ProbedModel& probed = control.probed();
  const std::vector<float> before = probed.model.weights().to_vector<float>();
  const Edit edit = edit_of(probed);
  for (const auto& make :
       {+[](const ProbedModel& of) { return make_gradient_editor(of, feed_forward_matrix(0)); },
        +[](const ProbedModel& of) { return make_rank_one_editor(of, 0, EditPlace::answer); }}) {
    CHECK(make(probed)->apply(edit).outcome == EditOutcome::not_reached);
  }
  CHECK(changed(probed.model, before).empty());
}

TEST_CASE("an edit that diverges says so", "[probes]") {
  const LookupControl control(10, 1);
  const ProbedModel& probed = control.probed();
  std::vector<float> weights = probed.model.weights().to_vector<float>();
  weights.back() = NAN;
  probed.model.weights().write(weights.data());
  CHECK(make_gradient_editor(probed)->apply(edit_of(probed)).outcome == EditOutcome::diverged);
  CHECK(make_training_editor(probed)->apply(edit_of(probed)).outcome == EditOutcome::diverged);
}

TEST_CASE("a step goes down, however steep the slope that foretold it", "[probes]") {
  // L(x) = x^2 from x = 3: the slope foretells a fall, and a step may overshoot.
  for (const double steepness : {1.0, 1e-3, 1e4}) {
    Descent descent;
    double x = 3.0;
    const auto loss = [&] { return steepness * x * x; };
    for (int i = 0; i < 400 && loss() > 1e-6; ++i) {
      const double start = x, slope = 2.0 * steepness * x, before = loss();
      CHECK(descent.step(
          before, slope * slope, [&](double length) { x = start - length * slope; }, loss));
      CHECK(loss() < before);
    }
    CHECK(std::abs(x) < 3.0);
  }
  // Where nothing is lower the point stays.
  Descent descent;
  double x = 1.0;
  CHECK_FALSE(descent.step(
      1.0, 1.0, [&](double length) { x = 1.0 - length; }, [] { return 2.0; }));
  CHECK(x == 1.0);
}

TEST_CASE("Cholesky's factor solves, and tells what it cannot", "[probes]") {
  SquareMatrix matrix(3);
  matrix.add_outer({1.0, 2.0, 3.0});
  matrix.add_outer({-1.0, 0.5, 2.0});
  CHECK_THROWS_WITH(CholeskySolver(matrix), ContainsSubstring("positive definite"));
  matrix.add_to_diagonal(0.25);
  const std::vector<double> x = CholeskySolver(matrix).solve({1.0, -2.0, 0.5});
  for (std::size_t row = 0; row < 3; ++row) {
    double sum = 0.0;
    for (std::size_t column = 0; column < 3; ++column) sum += matrix.at(row, column) * x[column];
    CHECK(sum == Approx(std::vector<double>{1.0, -2.0, 0.5}[row]));
  }
}

}  // namespace
}  // namespace obverse::reversal
