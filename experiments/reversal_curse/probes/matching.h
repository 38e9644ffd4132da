// Whether vectors of the same facts on two sides belong together: given a fact's vector on one
// side, its partner is chosen among vectors of the other side by probes that were fitted on other
// facts. Mathematics alone; probes/kinds/representation.cpp says what the vectors are.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/core/random.h"

namespace obverse::reversal {

using Vectors = std::vector<std::vector<double>>;  // a vector a fact, all of one length

// How well x goes with y, where means, differences and maps are those of training pairs and a tilde
// is the deviation from a side's mean.
enum class MatchProbe {
  nearest,     // cos(x~, y~)
  difference,  // cos(x + mean(y - x), y)
  // cos(W x~, y~), W from ridge regression of y~ on x~.
  linear,
  // x~^T W y~, W least squares for the table of which x goes with which y, 1 or 0, with a ridge on
  // either side: W = (X^T X + a)^-1 X^T Y (Y^T Y + b)^-1. A closed form, so that no rate, no number
  // of steps and no initial point decides what it finds.
  bilinear,
};
inline constexpr MatchProbe kMatchProbes[] = {MatchProbe::nearest, MatchProbe::difference,
                                              MatchProbe::linear, MatchProbe::bilinear};
const char* name_of(MatchProbe probe);

struct Pairs {
  Vectors x, y;  // as many of each: x[i] belongs to y[i]
};

// scores[i][j]: how well tested.x[i] goes with tested.y[j], by a probe fitted on `training` alone.
// Its ridges are a share of the mean square of what they are added to, one of kRidges, which is the
// one that ranks partners best in a 4-fold cross-validation within `training`.
inline constexpr double kRidges[] = {1e-3, 1e-2, 1e-1, 1.0, 10.0};
std::vector<std::vector<double>> match_scores(MatchProbe probe, const Pairs& training,
                                              const Pairs& tested);

struct Match {
  std::size_t pair = 0;            // index into the pairs
  bool right = false;              // its partner had the highest score
  std::vector<std::size_t> among;  // the pairs of its part, itself one of them: the candidates
};
// Cross-validated over `folds` random parts: every x once, among the y of its part. Of equal scores
// a random one is the highest. REQUIRES: at least 3 pairs a fold, so that a choice is one.
std::vector<Match> cross_validated_matches(MatchProbe probe, const Pairs& pairs, std::size_t folds,
                                           kernels::RandomSequence& draws);

// cos(x~_i, y~_i) less the mean of cos(x~_i, y~_j) over other j, means of all pairs taken off.
// REQUIRES: 2 pairs at least.
std::vector<double> partner_similarities(const Pairs& pairs);

// The y in a random order, every order equally likely: pairs that have nothing to do with each
// other, of which any probe finds 1 / candidates on average, whatever the vectors are.
Pairs shuffled(const Pairs& pairs, kernels::RandomSequence& draws);

}  // namespace obverse::reversal
