// The study's statistics. Every function is pure and states its source; NaN stands for "not defined
// for this input".
#pragma once

#include <cstdint>
#include <vector>

namespace obverse::reversal {

struct Interval {
  double low = 0.0, high = 0.0;
};

// Wilson's score interval for `successes` of `count` (Wilson 1927), 95 % unless `z` says otherwise.
// `count` may be a fraction: an effective sample size. count 0 gives [0, 1].
Interval wilson(double successes, double count, double z = 1.959963984540054);

// One measured unit: a question's outcome with the fact and the seed that it belongs to.
struct Observation {
  int seed = 0;
  int fact = 0;
  double value = 0.0;
  // What the sum of values is divided by is the sum of weights: another than 1 makes a ratio of
  // means of a mean.
  double weight = 1.0;
};

// Whether a fact's number means the same fact in every seed, as where all seeds read one data set,
// or another one in each, as where a seed draws its own world. Facts that return do not become
// more facts by it.
enum class Facts { own_of_each_seed, shared_by_seeds };

// A proportion's 95 % interval that respects clustering: Wilson's on an effective count N / deff,
// where deff is the larger of the design effects (Kish 1965) of clustering by fact and by seed, at
// least 1. Near 0 and 1 a few successes in as many facts would pass for independent answers: the
// design effect of facts is that with two facts more, of the usual number of questions, one all
// right and one all wrong (as Agresti and Coull 1998 add to a proportion). Where every value is the
// same, the effective count is the number of facts. REQUIRES: values are 0 or 1.
Interval clustered_wilson(const std::vector<Observation>& observations,
                          Facts facts = Facts::own_of_each_seed);

// Percentile bootstrap interval (95 %) of the weighted mean, resampling seeds, then facts within
// each drawn seed (Davison and Hinkley 1997, section 3.8); facts that seeds share are resampled
// once for all of them (Owen 2007, "The pigeonhole bootstrap"). With one seed, facts alone are
// resampled. Deterministic for a `random_seed`. NaN below two facts, and where a value is NaN.
Interval clustered_bootstrap(const std::vector<Observation>& observations,
                             std::uint64_t random_seed, Facts facts = Facts::own_of_each_seed,
                             int resamples = 2000);

// Two-sided p-value of Student's paired t-test that the mean of `differences` is 0. NaN below two
// differences or where one is NaN; where all are equal, 1 if they are 0 and 0 otherwise.
double paired_t_test(const std::vector<double>& differences);

// Two-sided p-value of the two-sample Kolmogorov-Smirnov test by the asymptotic distribution with
// Stephens' 1970 correction of the effective size. NaN where a sample is empty or holds NaN.
// (scipy's method="asymp" leaves the correction out; with it, p-values at 20 units a sample are
// within 0.02 of the exact ones.)
double kolmogorov_smirnov_test(std::vector<double> a, std::vector<double> b);

// Holm's step-down correction (Holm 1979, "A simple sequentially rejective multiple test
// procedure"): each p-value adjusted so that comparing all of them with a level keeps the chance of
// any false finding below it. In the order given; NaN stays NaN and counts for nothing.
std::vector<double> holm(const std::vector<double>& p);

// The 95 % interval of a - b from those of two independent estimates, symmetric or not: Newcombe's
// 1998 square-and-add (his method 10) with Wilson's intervals, and for other estimates Zou and
// Donner's 2008 method of variance estimates recovery. Estimates that go up and down together, as
// those of seeds with the same facts do, differ by less than it allows for. NaN where an end is.
Interval difference_interval(double a, const Interval& of_a, double b, const Interval& of_b);

double mean(const std::vector<double>& values);
// Sample standard deviation (n - 1); NaN below two values.
double standard_deviation(const std::vector<double>& values);
double median(std::vector<double> values);

}  // namespace obverse::reversal
