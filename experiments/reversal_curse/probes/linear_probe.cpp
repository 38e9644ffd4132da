#include "experiments/reversal_curse/probes/linear_probe.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/reversal_curse/probes/linear_algebra.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

void LabelledPoints::add(std::vector<double> point, int label, int group) {
  features.push_back(std::move(point));
  labels.push_back(label);
  groups.push_back(group);
}

RidgeProbe::RidgeProbe(const LabelledPoints& points, double penalty)
    : centre_(mean_of(points.features)) {
  kernels::require(penalty > 0.0, "[linear_probe] expected a penalty above 0, got ", penalty);
  const std::size_t width = centre_.size();
  const auto count = static_cast<double>(points.size());
  std::vector<double> variance(width, 0.0);
  double largest = 0.0;
  for (std::size_t i = 0; i < width; ++i) {
    for (const std::vector<double>& point : points.features) {
      const double distance = point[i] - centre_[i];
      variance[i] += distance * distance / count;
    }
    largest = std::max({largest, variance[i], centre_[i] * centre_[i]});
  }
  // What only rounding tells apart is no feature.
  constexpr double kRounding = 1e-12;
  std::vector<double> inverse_deviation(width, 0.0);
  for (std::size_t i = 0; i < width; ++i) {
    if (variance[i] > kRounding * largest) inverse_deviation[i] = 1.0 / std::sqrt(variance[i]);
  }
  for (const int label : points.labels) bias_ += (2.0 * label - 1.0) / count;
  SquareMatrix correlation(width);
  std::vector<double> right(width, 0.0);
  for (std::size_t point = 0; point < points.size(); ++point) {
    std::vector<double> x = points.features[point];
    for (std::size_t i = 0; i < width; ++i) x[i] = (x[i] - centre_[i]) * inverse_deviation[i];
    const double y = 2.0 * points.labels[point] - 1.0 - bias_;
    for (std::size_t i = 0; i < width; ++i) right[i] += x[i] * y / count;
    correlation.add_outer(x);
  }
  correlation.scale(1.0 / count);
  correlation.add_to_diagonal(penalty);
  weights_ = CholeskySolver(correlation).solve(std::move(right));
  for (std::size_t i = 0; i < width; ++i) weights_[i] *= inverse_deviation[i];
}

double RidgeProbe::score(const std::vector<double>& point,
                         const std::vector<double>& centre) const {
  double sum = bias_;
  for (std::size_t i = 0; i < weights_.size(); ++i) sum += weights_[i] * (point[i] - centre[i]);
  return sum;
}

std::vector<int> draw_folds(const std::vector<int>& groups, int count,
                            kernels::RandomSequence& draws) {
  kernels::require(count >= 2, "[linear_probe] expected at least 2 folds, got ", count);
  std::vector<int> present = groups;
  std::sort(present.begin(), present.end());
  present.erase(std::unique(present.begin(), present.end()), present.end());
  kernels::require(static_cast<int>(present.size()) >= count, "[linear_probe] expected at least ",
                   count, " groups, got ", present.size());
  std::vector<int> folds(static_cast<std::size_t>(present.back()) + 1, 0);
  draws.shuffle(present);
  for (std::size_t i = 0; i < present.size(); ++i) {
    folds[static_cast<std::size_t>(present[i])] = static_cast<int>(i) % count;
  }
  return folds;
}

std::vector<double> held_out_scores(const LabelledPoints& from, const LabelledPoints& to,
                                    const std::vector<int>& folds, Centre centre, double penalty) {
  const auto fold_of = [&folds](int group) { return folds.at(static_cast<std::size_t>(group)); };
  const int count = folds.empty() ? 0 : *std::max_element(folds.begin(), folds.end()) + 1;
  std::vector<double> scores(to.size(), 0.0);
  for (int fold = 0; fold < count; ++fold) {
    LabelledPoints learned;
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (fold_of(from.groups[i]) == fold) continue;
      learned.add(from.features[i], from.labels[i], from.groups[i]);
    }
    const RidgeProbe probe(learned, penalty);
    std::vector<double> around = probe.centre();
    if (centre == Centre::own) {
      std::vector<std::vector<double>> others;
      for (std::size_t i = 0; i < to.size(); ++i) {
        if (fold_of(to.groups[i]) != fold) others.push_back(to.features[i]);
      }
      around = mean_of(others);
    }
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (fold_of(to.groups[i]) == fold) scores[i] = probe.score(to.features[i], around);
    }
  }
  return scores;
}

std::vector<int> shuffled_within(const std::vector<int>& labels, const std::vector<int>& units,
                                 kernels::RandomSequence& draws) {
  kernels::require_size("linear_probe", "units", static_cast<std::int64_t>(labels.size()),
                        static_cast<std::int64_t>(units.size()));
  std::map<int, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < units.size(); ++i) members[units[i]].push_back(i);
  std::vector<int> shuffled = labels;
  for (const auto& [unit, points] : members) {
    std::vector<int> own;
    for (const std::size_t point : points) own.push_back(labels[point]);
    draws.shuffle(own);
    for (std::size_t i = 0; i < points.size(); ++i) shuffled[points[i]] = own[i];
  }
  return shuffled;
}

}  // namespace obverse::reversal
