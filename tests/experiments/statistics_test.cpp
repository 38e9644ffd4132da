#include "experiments/reversal_curse/statistics.h"

#include <cmath>
#include <limits>

#include "kernels/core/random.h"
#include "tests/support/catch.h"

namespace obverse::reversal {

namespace {

// Correlated answers: a seed's level, a fact's level within it, then a question's own luck. With a
// fact's strength 1 all its questions turn out alike.
struct Design {
  int seeds, facts, questions;
  double seed_strength, fact_strength;
};

std::vector<Observation> simulate(const Design& design, double probability, std::uint64_t trial) {
  kernels::RandomSequence draws({trial, kernels::Purpose::test, 0});
  std::vector<Observation> observations;
  for (int seed = 0; seed < design.seeds; ++seed) {
    const bool seed_value = draws.uniform() < probability;
    for (int fact = 0; fact < design.facts; ++fact) {
      // Every unit takes its parent's value with the given strength, else draws afresh: the mean
      // stays `probability` whatever the strengths.
      const bool fact_value =
          draws.uniform() < design.seed_strength ? seed_value : draws.uniform() < probability;
      for (int question = 0; question < design.questions; ++question) {
        const bool value =
            draws.uniform() < design.fact_strength ? fact_value : draws.uniform() < probability;
        observations.push_back({seed, fact, value ? 1.0 : 0.0});
      }
    }
  }
  return observations;
}

// The share of simulated studies whose interval holds the true probability.
template <typename MakeInterval>
double coverage(const Design& design, double probability, MakeInterval make_interval) {
  constexpr int kTrials = 400;
  int covered = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Interval interval =
        make_interval(simulate(design, probability, static_cast<std::uint64_t>(trial)));
    covered += interval.low <= probability && probability <= interval.high;
  }
  return covered / static_cast<double>(kTrials);
}

Interval own_wilson(const std::vector<Observation>& observations) {
  return clustered_wilson(observations);
}

Interval plain_wilson(const std::vector<Observation>& observations) {
  double successes = 0.0;
  for (const Observation& observation : observations) successes += observation.value;
  return wilson(successes, static_cast<double>(observations.size()));
}

}  // namespace

// scipy.stats.binomtest(s, 150).proportion_ci(method="wilson"), scipy 1.17.1.
TEST_CASE("Wilson's interval is that of scipy") {
  const Interval none = wilson(0, 150), one = wilson(1, 150), half = wilson(75, 150),
                 all = wilson(150, 150);
  CHECK(none.low == 0.0);
  CHECK(none.high == Approx(0.024970244368076596).epsilon(1e-12));
  CHECK(one.low == Approx(0.001177801335017433).epsilon(1e-12));
  CHECK(one.high == Approx(0.03679283977481815).epsilon(1e-12));
  CHECK(half.low == Approx(0.42099012028854144).epsilon(1e-12));
  CHECK(half.high == Approx(0.5790098797114586).epsilon(1e-12));
  CHECK(all.low == Approx(0.9750297556319234).epsilon(1e-12));
  CHECK(all.high == 1.0);
}

TEST_CASE("Wilson's interval of nothing is everything, and takes fractions") {
  const Interval nothing = wilson(0, 0);
  CHECK(nothing.low == 0.0);
  CHECK(nothing.high == 1.0);
  // By hand at z = 1: center (p + 1/2n) / (1 + 1/n) = (0.5 + 0.2) / 1.4, half width
  // sqrt(0.25 / 2.5 + 1 / 25) / 1.4 = 0.374165738677394 / 1.4.
  const Interval fraction = wilson(1.25, 2.5, 1.0);
  CHECK(fraction.low == Approx(0.5 - 0.26726124191242434).epsilon(1e-12));
  CHECK(fraction.high == Approx(0.5 + 0.26726124191242434).epsilon(1e-12));
  CHECK_THROWS_AS(wilson(3, 2), std::invalid_argument);
  CHECK_THROWS_AS(wilson(-1, 2), std::invalid_argument);
}

TEST_CASE("repeated questions of a fact do not narrow a clustered interval") {
  std::vector<Observation> once, four_times;
  for (int fact = 0; fact < 100; ++fact) {
    const double value = fact < 30 ? 1.0 : 0.0;
    once.push_back({7, fact, value});
    for (int question = 0; question < 4; ++question) four_times.push_back({7, fact, value});
  }
  // Identical answers within clusters of m have the design effect m, here, with the two facts that
  // are added, times 102 / 101: 400 answers count as 100 * 101 / 102 ones.
  const Interval clustered = clustered_wilson(four_times),
                 expected = wilson(30.0 * 101 / 102, 100.0 * 101 / 102);
  CHECK(clustered.low == Approx(expected.low).epsilon(1e-12));
  CHECK(clustered.high == Approx(expected.high).epsilon(1e-12));
  const Interval independent = clustered_wilson(once);
  CHECK(independent.low == Approx(expected.low).epsilon(1e-12));
  CHECK(independent.high == Approx(expected.high).epsilon(1e-12));
}

TEST_CASE("seeds that disagree widen a clustered interval") {
  std::vector<Observation> observations;
  for (int seed = 0; seed < 3; ++seed) {
    for (int fact = 0; fact < 100; ++fact)
      observations.push_back({seed, fact, seed < 2 ? 1.0 : 0.0});
  }
  // By hand: squares 100^2 (1/9 + 1/9 + 4/9) * 3/2 = 10000; over 300 * 2/9 that is 150, so that 300
  // answers count as two.
  const Interval interval = clustered_wilson(observations), expected = wilson(4.0 / 3.0, 2.0);
  CHECK(interval.low == Approx(expected.low).epsilon(1e-12));
  CHECK(interval.high == Approx(expected.high).epsilon(1e-12));
}

TEST_CASE("where all answers agree the facts are counted") {
  std::vector<Observation> right;
  for (int fact = 0; fact < 150; ++fact) {
    for (int question = 0; question < 10; ++question) right.push_back({0, fact, 1.0});
  }
  CHECK(clustered_wilson(right).low == Approx(wilson(150, 150).low).epsilon(1e-12));
  for (Observation& observation : right) observation.value = 0.0;
  CHECK(clustered_wilson(right).high == Approx(wilson(0, 150).high).epsilon(1e-12));
  CHECK(clustered_wilson({}).low == 0.0);
  CHECK(clustered_wilson({}).high == 1.0);
  CHECK_THROWS_AS(clustered_wilson({{0, 0, 0.5}}), std::invalid_argument);
}

TEST_CASE("clustered intervals hold the truth about as often as they promise") {
  const Design one_seed = {1, 60, 4, 0.0, 0.9};
  CHECK(coverage(one_seed, 0.3, plain_wilson) < 0.80);  // what clustering is there to mend
  CHECK(coverage(one_seed, 0.3, own_wilson) > 0.92);
  const auto bootstrap = [](const std::vector<Observation>& observations) {
    return clustered_bootstrap(observations, 3, Facts::own_of_each_seed, 400);
  };
  CHECK(coverage(one_seed, 0.3, bootstrap) > 0.91);

  // Few seeds tell little of how seeds vary, so that 95 % cannot be had; plain counting misses by
  // far.
  const Design five_seeds = {5, 60, 2, 0.3, 0.5};
  CHECK(coverage(five_seeds, 0.5, plain_wilson) < 0.70);
  CHECK(coverage(five_seeds, 0.5, own_wilson) > 0.88);
  CHECK(coverage(five_seeds, 0.5, bootstrap) > 0.90);
}

// 60 facts of ten questions: one right answer among 600 was once sharper evidence than none.
TEST_CASE("near 0 and 1 an interval moves with its answers") {
  const auto with = [](int successes) {
    std::vector<Observation> observations;
    for (int i = 0; i < 600; ++i) observations.push_back({0, i % 60, i < successes ? 1.0 : 0.0});
    return clustered_wilson(observations);
  };
  for (int successes = 0; successes < 40; ++successes) {
    INFO(successes);
    CHECK(with(successes + 1).high > 0.95 * with(successes).high);  // was a sixth of it
    CHECK(with(successes).low <= with(successes + 1).low);
  }
  // Chance of one in thirty, asked ten times of each of 30 facts that have levels of their own.
  const Design near_zero = {1, 30, 10, 0.0, 0.5};
  CHECK(coverage(near_zero, 1.0 / 30, plain_wilson) < 0.85);
  CHECK(coverage(near_zero, 1.0 / 30, own_wilson) > 0.93);
}

// Five seeds ask the same 30 facts, ten questions each: a fact's level stays, whatever the seed.
TEST_CASE("facts that seeds share are not counted anew in each") {
  const auto simulated = [](std::uint64_t trial) {
    kernels::RandomSequence draws({trial, kernels::Purpose::test, 1});
    std::vector<double> levels;
    for (int fact = 0; fact < 30; ++fact) levels.push_back(draws.uniform() < 0.8 ? 0.95 : 0.2);
    std::vector<Observation> observations;
    for (int seed = 0; seed < 5; ++seed) {
      for (int fact = 0; fact < 30; ++fact) {
        for (int question = 0; question < 10; ++question) {
          const double level = levels[static_cast<std::size_t>(fact)];
          observations.push_back({seed, fact, draws.uniform() < level ? 1.0 : 0.0});
        }
      }
    }
    return observations;
  };
  constexpr double kTruth = 0.8 * 0.95 + 0.2 * 0.2;
  const auto covered = [&](const auto& make_interval) {
    int count = 0;
    for (std::uint64_t trial = 0; trial < 400; ++trial) {
      const Interval interval = make_interval(simulated(trial));
      count += interval.low <= kTruth && kTruth <= interval.high;
    }
    return count / 400.0;
  };
  const auto own = [](const auto& all) { return clustered_wilson(all); };
  const auto shared = [](const auto& all) { return clustered_wilson(all, Facts::shared_by_seeds); };
  CHECK(covered(own) < 0.80);
  CHECK(covered(shared) > 0.92);
  const auto own_bootstrap = [](const auto& all) {
    return clustered_bootstrap(all, 3, Facts::own_of_each_seed, 200);
  };
  const auto shared_bootstrap = [](const auto& all) {
    return clustered_bootstrap(all, 3, Facts::shared_by_seeds, 200);
  };
  CHECK(covered(own_bootstrap) < 0.80);
  CHECK(covered(shared_bootstrap) > 0.90);
  // One fact asked in five seeds is one fact.
  CHECK(std::isnan(clustered_bootstrap({{0, 7, 1.0}, {1, 7, 2.0}}, 1, Facts::shared_by_seeds).low));
  CHECK(clustered_wilson({{0, 7, 1}, {1, 7, 1}}, Facts::shared_by_seeds).low ==
        Approx(wilson(1, 1).low));
}

TEST_CASE("the bootstrap is deterministic and keeps facts whole") {
  std::vector<Observation> observations;
  for (int fact = 0; fact < 40; ++fact) {
    for (int question = 0; question < 5; ++question) {
      observations.push_back({0, fact, 0.2 * fact});
    }
  }
  const Interval first = clustered_bootstrap(observations, 1),
                 again = clustered_bootstrap(observations, 1),
                 other = clustered_bootstrap(observations, 2);
  CHECK(first.low == again.low);
  CHECK(first.high == again.high);
  CHECK(first.low != other.low);
  // Mean 3.9; the standard error of 40 whole facts is 0.2 sqrt((40^2 - 1) / 12 / 40) = 0.365, of
  // 200 questions 0.163.
  CHECK(first.low == Approx(3.9 - 1.96 * 0.365).margin(0.06));
  CHECK(first.high == Approx(3.9 + 1.96 * 0.365).margin(0.06));
}

TEST_CASE("the bootstrap resamples seeds") {
  std::vector<Observation> observations;
  for (int seed = 0; seed < 4; ++seed) {
    for (int fact = 0; fact < 50; ++fact)
      observations.push_back({seed, fact, seed < 2 ? 1.0 : 0.0});
  }
  // Each resample is a mean of four seeds that are 0 or 1: all or none in one of sixteen.
  const Interval interval = clustered_bootstrap(observations, 5);
  CHECK(interval.low == 0.0);
  CHECK(interval.high == 1.0);
}

TEST_CASE("what has no interval or p-value is not a number") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(clustered_bootstrap({}, 1).low));
  CHECK(std::isnan(clustered_bootstrap({{0, 0, 1.0}, {0, 0, 2.0}}, 1).high));
  CHECK(std::isnan(clustered_bootstrap({{0, 0, 1.0}, {0, 1, nan}}, 1).high));
  CHECK(std::isnan(paired_t_test({})));
  CHECK(std::isnan(paired_t_test({1.0})));
  CHECK(std::isnan(paired_t_test({1.0, nan})));
  CHECK(std::isnan(kolmogorov_smirnov_test({}, {1.0})));
  CHECK(std::isnan(kolmogorov_smirnov_test({1.0, nan}, {1.0})));
  CHECK(std::isnan(mean({})));
  CHECK(std::isnan(standard_deviation({1.0})));
  CHECK(std::isnan(median({})));
}

// scipy.stats.ttest_rel(a, b), scipy 1.17.1, with
// a = [-1.2, -0.7, -3.1, -2.2, -0.4, -1.9, -2.8], b = [-1.5, -1.1, -2.9, -3.0, -1.3, -2.1, -2.7];
// then ttest_rel([10, 12, 11, 14, 13], [1, 2, 1, 3, 2]).
TEST_CASE("the paired t-test is that of scipy") {
  CHECK(paired_t_test({0.3, 0.4, -0.2, 0.8, 0.9, 0.2, -0.1}) ==
        Approx(0.08117113948973191).epsilon(1e-10));
  CHECK(paired_t_test({9, 10, 10, 11, 11}) == Approx(1.0767642592510204e-05).epsilon(1e-10));
  CHECK(paired_t_test({-9, -10, -10, -11, -11}) == Approx(1.0767642592510204e-05).epsilon(1e-10));
}

TEST_CASE("equal differences need no t-test") {
  CHECK(paired_t_test({0.0, 0.0, 0.0}) == 1.0);
  CHECK(paired_t_test({2.5, 2.5}) == 0.0);
}

// en = sqrt(n * m / (n + m)); scipy.stats.kstwobign.sf((en + 0.12 + 0.11 / en) * d) with d of
// scipy.stats.ks_2samp(x, y), scipy 1.17.1. ks_2samp(method="exact") gives 0.3631 and 0.4743 for
// the first two, method="asymp" without a correction 0.3244 and 0.4783.
TEST_CASE("the Kolmogorov-Smirnov test is the corrected asymptotic one") {
  std::vector<double> x, near, far;
  for (int i = 0; i < 20; ++i) x.push_back(0.1 * i);
  for (int i = 0; i < 15; ++i) far.push_back(0.1 * i + 0.55);
  for (int i = 0; i < 25; ++i) near.push_back(0.1 * i + 0.05);
  CHECK(kolmogorov_smirnov_test(x, far) == Approx(0.3583918315434447).epsilon(1e-9));
  CHECK(kolmogorov_smirnov_test(x, near) == Approx(0.48571188496722967).epsilon(1e-9));
  CHECK(kolmogorov_smirnov_test(far, x) == Approx(0.3583918315434447).epsilon(1e-9));
}

TEST_CASE("the Kolmogorov-Smirnov test takes ties") {
  // x = [1, 1, 2, 2, 3, 3, 3, 4] * 10, y = [1, 2, 2, 3, 4, 4, 4, 5] * 12: d = 0.375.
  std::vector<double> x, y;
  for (int i = 0; i < 10; ++i) x.insert(x.end(), {1, 1, 2, 2, 3, 3, 3, 4});
  for (int i = 0; i < 12; ++i) y.insert(y.end(), {1, 2, 2, 3, 4, 4, 4, 5});
  CHECK(kolmogorov_smirnov_test(x, y) == Approx(5.600820682474798e-06).epsilon(1e-9));
  CHECK(kolmogorov_smirnov_test(x, x) == 1.0);
}

TEST_CASE("summaries of a sample") {
  CHECK(mean({1.0, 2.0, 6.0}) == 3.0);
  CHECK(standard_deviation({1.0, 2.0, 6.0}) == Approx(std::sqrt(7.0)));
  CHECK(median({5.0, 1.0, 3.0}) == 3.0);
  CHECK(median({4.0, 1.0, 3.0, 2.0}) == 2.5);
}

TEST_CASE("Holm's correction multiplies the smallest p-value most", "[statistics]") {
  // By hand: sorted 0.01, 0.02, 0.03, 0.6 times 4, 3, 2, 1, none below the one before.
  const std::vector<double> adjusted = holm({0.03, 0.01, 0.6, 0.02});
  const std::vector<double> expected = {0.06, 0.04, 0.6, 0.06};
  for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(adjusted[i] - expected[i]) < 1e-15);
  CHECK(holm({0.5, 0.9}) == std::vector<double>{1.0, 1.0});
  CHECK(holm({}).empty());
  const std::vector<double> with_gap = holm({0.02, std::nan(""), 0.04});
  CHECK(with_gap[0] == 0.04);
  CHECK(std::isnan(with_gap[1]));
  CHECK(with_gap[2] == 0.04);
}

}  // namespace obverse::reversal
