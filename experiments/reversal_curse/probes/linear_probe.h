// Linear classification of activations in closed form, and what its accuracy is worth: held out by
// groups, from one set of points to another, and on shuffled labels.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/core/random.h"

namespace obverse::reversal {

// Points with labels 0 or 1. Those of a group are never learned from and asked about at once.
struct LabelledPoints {
  std::vector<std::vector<double>> features;
  std::vector<int> labels;
  std::vector<int> groups;

  void add(std::vector<double> point, int label, int group);
  std::size_t size() const { return labels.size(); }
};

// Ridge regression on labels -1 and 1 (Hoerl and Kennard 1970): of features x, standardised by mean
// and standard deviation over the points, w = (X^T X / n + penalty I)^-1 X^T y / n. A feature that
// is the same everywhere counts for nothing.
class RidgeProbe {
 public:
  // REQUIRES: at least one point, all of as many features; penalty > 0.
  RidgeProbe(const LabelledPoints& points, double penalty);

  // The mean of its points, and how far the plane behind them leaves another mean behind.
  const std::vector<double>& centre() const { return centre_; }
  // Above 0: label 1. The plane lies where points around `centre` are as often of either label as
  // the probe's own are.
  double score(const std::vector<double>& point, const std::vector<double>& centre) const;
  double score(const std::vector<double>& point) const { return score(point, centre_); }

 private:
  std::vector<double> centre_, weights_;
  double bias_ = 0.0;
};

// A number below `count` for every group of `points`, drawn so that numbers are as equally frequent
// as they can be: by group number.
std::vector<int> draw_folds(const std::vector<int>& groups, int count,
                            kernels::RandomSequence& draws);

// Around which mean a probe that was fitted to some points classifies others.
enum class Centre {
  learned,  // that of the points it was fitted to: direction and threshold are carried over
  own,      // that of the others (without those of the fold that is asked, and without labels):
            // the direction alone is
};

// For every point of `to`, the score by a probe fitted to those points of `from` whose groups are
// in another fold. `folds` is by group number. REQUIRES: every fold leaves points to fit to.
std::vector<double> held_out_scores(const LabelledPoints& from, const LabelledPoints& to,
                                    const std::vector<int>& folds, Centre centre, double penalty);

// Labels drawn anew without a change to how many there are of each among the points of a unit:
// units[i] is that of point i, so that whatever the design balances stays so.
std::vector<int> shuffled_within(const std::vector<int>& labels, const std::vector<int>& units,
                                 kernels::RandomSequence& draws);

}  // namespace obverse::reversal
