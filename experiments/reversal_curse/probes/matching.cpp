#include "experiments/reversal_curse/probes/matching.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/reversal_curse/probes/linear_algebra.h"
#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

constexpr std::size_t kInnerFolds = 4;

using Scores = std::vector<std::vector<double>>;

double squares(const Vectors& vectors) {
  double sum = 0.0;
  for (const std::vector<double>& vector : vectors) sum += dot(vector, vector);
  return sum;
}

// What rounding leaves of vectors that are all the same is no difference between them: below a
// millionth of their length, ten times what f32 rounds off, all are 0.
Vectors without(const Vectors& vectors, const std::vector<double>& mean) {
  constexpr double kRounding = 1e-6;
  Vectors rest = vectors;
  for (std::vector<double>& vector : rest) {
    for (std::size_t i = 0; i < mean.size(); ++i) vector[i] -= mean[i];
  }
  if (squares(rest) < kRounding * kRounding * squares(vectors)) {
    for (std::vector<double>& vector : rest) std::fill(vector.begin(), vector.end(), 0.0);
  }
  return rest;
}

double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  const double length = std::sqrt(dot(a, a)) * std::sqrt(dot(b, b));
  return length > 0.0 ? dot(a, b) / length : 0.0;
}

template <typename Score>
Scores score_table(const Vectors& x, const Vectors& y, const Score& score) {
  Scores table(x.size(), std::vector<double>(y.size(), 0.0));
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j < y.size(); ++j) table[i][j] = score(x[i], y[j]);
  }
  return table;
}

// sum_i weights[i] * vectors[i].
std::vector<double> mixed(const double* weights, const Vectors& vectors) {
  std::vector<double> sum(vectors.front().size(), 0.0);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += weights[i] * vectors[i][k];
  }
  return sum;
}

// A training side with its ridge: for every tested vector v the weights (K + ridge)^-1 k of the
// training vectors, where K holds their inner products and k those with v. Inner products of facts
// instead of the width's covariance, since facts are fewer: X^T (X X^T + r)^-1 = (X^T X + r)^-1
// X^T.
class Side {
 public:
  Side(const Vectors& training, const Vectors& tested) : gram_(training.size()) {
    for (std::size_t i = 0; i < training.size(); ++i) {
      for (std::size_t j = 0; j < training.size(); ++j) {
        gram_.at(i, j) = dot(training[i], training[j]);
      }
    }
    for (const std::vector<double>& vector : tested) {
      for (const std::vector<double>& known : training) products_.push_back(dot(known, vector));
    }
  }
  // Row by row, a row a tested vector; all 0 where the training vectors are.
  std::vector<double> weights(double share) const {
    const double mean_square = gram_.mean_of_diagonal();
    if (mean_square == 0.0) return std::vector<double>(products_.size(), 0.0);
    SquareMatrix raised = gram_;
    raised.add_to_diagonal(share * mean_square);
    return CholeskySolver(raised).solve_many(products_);
  }

 private:
  SquareMatrix gram_;
  std::vector<double> products_;
};

// A fitted probe of which the ridge alone is open.
class RidgeProbe {
 public:
  // All vectors are deviations from the training means.
  RidgeProbe(MatchProbe probe, const Pairs& training, const Pairs& tested)
      : probe_(probe),
        training_(training),
        tested_(tested),
        x_(training.x, tested.x),
        y_(training.y, tested.y) {}

  Scores scores(double share) const {
    const std::size_t count = training_.x.size();
    const std::vector<double> x = x_.weights(share);
    Vectors mapped;
    if (probe_ == MatchProbe::linear) {
      for (std::size_t i = 0; i < tested_.x.size(); ++i) {
        mapped.push_back(mixed(&x[i * count], training_.y));
      }
      return score_table(mapped, tested_.y, cosine);
    }
    const std::vector<double> y = y_.weights(share);
    Vectors other;
    for (std::size_t i = 0; i < tested_.x.size(); ++i) {
      mapped.emplace_back(&x[i * count], &x[i * count] + count);
    }
    for (std::size_t i = 0; i < tested_.y.size(); ++i) {
      other.emplace_back(&y[i * count], &y[i * count] + count);
    }
    return score_table(mapped, other, dot);
  }

 private:
  const MatchProbe probe_;
  const Pairs &training_, &tested_;
  const Side x_, y_;
};

Pairs centred(const Pairs& training, const Pairs& pairs) {
  return {without(pairs.x, mean_of(training.x)), without(pairs.y, mean_of(training.y))};
}

Pairs chosen(const Pairs& pairs, const std::vector<std::size_t>& places) {
  Pairs some;
  for (const std::size_t place : places) {
    some.x.push_back(pairs.x[place]);
    some.y.push_back(pairs.y[place]);
  }
  return some;
}

// The part of candidates that score below the partner, mean over the tested; equal ones count half.
double rank_share(const Scores& scores) {
  double sum = 0.0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (j == i) continue;
      sum += scores[i][j] < scores[i][i] ? 1.0 : scores[i][j] == scores[i][i] ? 0.5 : 0.0;
    }
  }
  return sum / static_cast<double>(scores.size() * (scores.size() - 1));
}

// Of equally good ones the strongest.
double best_ridge(MatchProbe probe, const Pairs& training) {
  constexpr std::size_t kCount = std::size(kRidges);
  std::vector<double> ranks(kCount, 0.0);
  for (std::size_t fold = 0; fold < kInnerFolds; ++fold) {
    std::vector<std::size_t> fitted, held_out;
    for (std::size_t i = 0; i < training.x.size(); ++i) {
      (i % kInnerFolds == fold ? held_out : fitted).push_back(i);
    }
    if (held_out.size() < 2) continue;
    const Pairs known = chosen(training, fitted);
    const Pairs inner = centred(known, known), asked = centred(known, chosen(training, held_out));
    const RidgeProbe ridge_probe(probe, inner, asked);
    for (std::size_t i = 0; i < kCount; ++i) ranks[i] += rank_share(ridge_probe.scores(kRidges[i]));
  }
  std::size_t best = kCount - 1;
  for (std::size_t i = kCount - 1; i-- > 0;) {
    if (ranks[i] > ranks[best]) best = i;
  }
  return kRidges[best];
}

}  // namespace

const char* name_of(MatchProbe probe) {
  switch (probe) {
    case MatchProbe::nearest:
      return "nearest";
    case MatchProbe::difference:
      return "difference";
    case MatchProbe::linear:
      return "linear";
    case MatchProbe::bilinear:
      return "bilinear";
  }
  return "";
}

std::vector<std::vector<double>> match_scores(MatchProbe probe, const Pairs& training,
                                              const Pairs& tested) {
  if (probe == MatchProbe::difference) {
    const std::vector<double> x = mean_of(training.x), y = mean_of(training.y);
    Vectors moved = tested.x;
    for (std::vector<double>& vector : moved) {
      for (std::size_t i = 0; i < vector.size(); ++i) vector[i] += y[i] - x[i];
    }
    return score_table(moved, tested.y, cosine);
  }
  const Pairs asked = centred(training, tested);
  if (probe == MatchProbe::nearest) return score_table(asked.x, asked.y, cosine);
  const Pairs known = centred(training, training);
  return RidgeProbe(probe, known, asked).scores(best_ridge(probe, training));
}

std::vector<Match> cross_validated_matches(MatchProbe probe, const Pairs& pairs, std::size_t folds,
                                           kernels::RandomSequence& draws) {
  const std::size_t count = pairs.x.size();
  kernels::require(folds > 1 && count >= 3 * folds && pairs.y.size() == count,
                   "[matching] expected 2 folds or more, 3 pairs a fold at least, got ", count,
                   " and ", pairs.y.size(), " vectors for ", folds, " folds");
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  draws.shuffle(order);
  std::vector<Match> matches;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::vector<std::size_t> training, tested;
    for (std::size_t i = 0; i < count; ++i) {
      (i % folds == fold ? tested : training).push_back(order[i]);
    }
    const Scores scores = match_scores(probe, chosen(pairs, training), chosen(pairs, tested));
    for (std::size_t i = 0; i < tested.size(); ++i) {
      // The first of the equal: their order is random.
      const auto best = std::max_element(scores[i].begin(), scores[i].end());
      matches.push_back(
          {tested[i], best == scores[i].begin() + static_cast<std::ptrdiff_t>(i), tested});
    }
  }
  return matches;
}

std::vector<double> partner_similarities(const Pairs& pairs) {
  kernels::require(pairs.x.size() > 1 && pairs.x.size() == pairs.y.size(),
                   "[matching] expected 2 pairs or more, got ", pairs.x.size(), " and ",
                   pairs.y.size(), " vectors");
  const Pairs deviations = centred(pairs, pairs);
  const Scores cosines = score_table(deviations.x, deviations.y, cosine);
  std::vector<double> all;
  for (std::size_t i = 0; i < cosines.size(); ++i) {
    const double sum = std::accumulate(cosines[i].begin(), cosines[i].end(), 0.0);
    all.push_back(cosines[i][i] - (sum - cosines[i][i]) / static_cast<double>(cosines.size() - 1));
  }
  return all;
}

Pairs shuffled(const Pairs& pairs, kernels::RandomSequence& draws) {
  Pairs other = pairs;
  draws.shuffle(other.y);
  return other;
}

}  // namespace obverse::reversal
