// Linear probes on planted points.
#include "experiments/reversal_curse/probes/linear_probe.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/support/catch.h"

namespace obverse::reversal {
namespace {

kernels::RandomSequence draws(std::uint64_t occasion) {
  return kernels::RandomSequence({7, kernels::Purpose::test, occasion});
}

double noise(kernels::RandomSequence& sequence) { return sequence.uniform() - 0.5; }

// Two points a group, one of each label, apart along a direction of width 4 by `signal`; the whole
// set is moved by `offset` along the same direction.
LabelledPoints planted(double signal, double offset, std::uint64_t occasion, int groups = 60) {
  kernels::RandomSequence sequence = draws(occasion);
  LabelledPoints points;
  for (int group = 0; group < groups; ++group) {
    for (const int label : {1, 0}) {
      std::vector<double> x(4);
      for (double& value : x) value = noise(sequence);
      x[1] += signal * (2 * label - 1) + offset;
      x[2] -= 0.5 * (signal * (2 * label - 1) + offset);
      points.add(x, label, group);
    }
  }
  return points;
}

double accuracy(const std::vector<double>& scores, const std::vector<int>& labels) {
  double right = 0.0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    right += (scores[i] > 0.0) == (labels[i] == 1) ? 1.0 : 0.0;
  }
  return right / static_cast<double>(scores.size());
}

std::vector<int> folds_of(const LabelledPoints& points) {
  kernels::RandomSequence sequence = draws(99);
  return draw_folds(points.groups, 5, sequence);
}

}  // namespace

TEST_CASE("a ridge probe is the closed form", "[linear_probe]") {
  // Standardised, x = -1, 0, 0, 1 times sqrt(2); y = -1, -1, 1, 1: w = (sqrt(2) / 2) / (1 + p).
  LabelledPoints points;
  points.add({1.0, 5.0}, 0, 0);
  points.add({3.0, 5.0}, 0, 1);
  points.add({3.0, 5.0}, 1, 2);
  points.add({5.0, 5.0}, 1, 3);
  const double deviation = std::sqrt(2.0);
  for (const double penalty : {1e-6, 0.5}) {
    const RidgeProbe probe(points, penalty);
    const double slope = deviation / 2.0 / (1.0 + penalty) / deviation;
    CHECK(probe.score({4.0, 5.0}) == Approx(slope));
    // The constant feature counts for nothing.
    CHECK(probe.score({4.0, 9.0}) == Approx(slope));
    CHECK(probe.score({4.0, 5.0}, {4.0, 5.0}) == Approx(0.0).margin(1e-12));
  }
  // Three of label 1 to one of label 0: around the centre that is what is likelier.
  points.labels = {0, 1, 1, 1};
  CHECK(RidgeProbe(points, 0.5).score({3.0, 5.0}) == Approx(0.5));
  CHECK_THROWS_AS(RidgeProbe(points, 0.0), std::invalid_argument);
  CHECK_THROWS_AS(RidgeProbe(LabelledPoints{}, 0.5), std::invalid_argument);
}

TEST_CASE("a planted direction is found in held-out groups, and shuffled labels are not",
          "[linear_probe]") {
  LabelledPoints points = planted(0.6, 0.0, 1);
  const std::vector<int> folds = folds_of(points);
  CHECK(accuracy(held_out_scores(points, points, folds, Centre::own, 0.01), points.labels) > 0.95);
  kernels::RandomSequence sequence = draws(5);
  points.labels = shuffled_within(points.labels, points.groups, sequence);
  const double by_chance =
      accuracy(held_out_scores(points, points, folds, Centre::own, 0.01), points.labels);
  CHECK(by_chance > 0.3);
  CHECK(by_chance < 0.7);
}

TEST_CASE("what is peculiar to a group is not learned from the group", "[linear_probe]") {
  // A feature for every group that tells its label, and labels that differ between groups alone.
  LabelledPoints points;
  for (int group = 0; group < 20; ++group) {
    for (int i = 0; i < 3; ++i) {
      std::vector<double> x(20, 0.0);
      x[static_cast<std::size_t>(group)] = 1.0;
      points.add(x, group % 2, group);
    }
  }
  std::vector<int> folds(20);
  for (int group = 0; group < 20; ++group) folds[static_cast<std::size_t>(group)] = group / 4;
  const RidgeProbe all(points, 0.01);
  int right = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    right += (all.score(points.features[i]) > 0.0) == (points.labels[i] == 1) ? 1 : 0;
  }
  CHECK(right == 60);
  // Held out, all groups of a fold look alike.
  const std::vector<double> scores = held_out_scores(points, points, folds, Centre::learned, 0.01);
  for (const double score : scores) CHECK(score == Approx(0.0).margin(1e-9));
}

TEST_CASE("a direction carries over to moved points, its threshold does not", "[linear_probe]") {
  const LabelledPoints from = planted(0.6, 0.0, 1), moved = planted(0.6, 3.0, 2),
                       turned = planted(-0.6, 3.0, 3);
  const std::vector<int> folds = folds_of(from);
  CHECK(accuracy(held_out_scores(from, moved, folds, Centre::own, 0.01), moved.labels) > 0.95);
  CHECK(accuracy(held_out_scores(from, moved, folds, Centre::learned, 0.01), moved.labels) == 0.5);
  CHECK(accuracy(held_out_scores(from, turned, folds, Centre::own, 0.01), turned.labels) < 0.05);
}

TEST_CASE("folds are equally large and shuffles keep a unit's labels", "[linear_probe]") {
  std::vector<int> groups;
  for (int group = 0; group < 23; ++group) groups.insert(groups.end(), {2 * group, 2 * group});
  kernels::RandomSequence sequence = draws(1);
  const std::vector<int> folds = draw_folds(groups, 5, sequence);
  std::map<int, int> sizes;
  for (int group = 0; group < 23; ++group) ++sizes[folds[static_cast<std::size_t>(2 * group)]];
  CHECK(sizes.size() == 5);
  for (const auto& [fold, size] : sizes) CHECK((size == 4 || size == 5));
  CHECK_THROWS_AS(draw_folds({1, 1, 2}, 3, sequence), std::invalid_argument);

  std::vector<int> labels, units;
  for (int i = 0; i < 200; ++i) {
    labels.push_back(i % 2);
    units.push_back(i / 2);
  }
  const std::vector<int> shuffled = shuffled_within(labels, units, sequence);
  int changed = 0;
  for (std::size_t i = 0; i < labels.size(); i += 2) {
    CHECK(shuffled[i] + shuffled[i + 1] == 1);
    changed += shuffled[i] != labels[i] ? 1 : 0;
  }
  CHECK(changed > 30);
  CHECK(changed < 70);
}

}  // namespace obverse::reversal
