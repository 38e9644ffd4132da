#include "experiments/reversal_curse/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/random.h"

namespace obverse::reversal {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool any_nan(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

// What resampling and design effects need to know of a cluster.
struct Cluster {
  double sum = 0.0;
  double count = 0.0;
};

using FactClusters = std::map<std::pair<int, int>, Cluster>;  // by (seed or 0, fact)

FactClusters clusters_of_facts(const std::vector<Observation>& observations, Facts facts) {
  FactClusters clusters;
  for (const Observation& observation : observations) {
    const int owner = facts == Facts::shared_by_seeds ? 0 : observation.seed;
    Cluster& cluster = clusters[{owner, observation.fact}];
    cluster.sum += observation.value;
    cluster.count += observation.weight;
  }
  return clusters;
}

// Variance of the mean under clustering (the ratio estimator's, with the C / (C - 1) correction)
// over that of as many independent draws. 0 where one cluster cannot tell.
double design_effect(const std::vector<Cluster>& clusters, double proportion, double count) {
  if (clusters.size() < 2) return 0.0;
  double squares = 0.0;
  for (const Cluster& cluster : clusters) {
    const double deviation = cluster.sum - proportion * cluster.count;
    squares += deviation * deviation;
  }
  const double number = static_cast<double>(clusters.size());
  return squares * number / (number - 1.0) / (count * proportion * (1.0 - proportion));
}

// The quantile of sorted values by linear interpolation (type 7 of Hyndman and Fan 1996).
double quantile(const std::vector<double>& sorted, double probability) {
  const double place = probability * static_cast<double>(sorted.size() - 1);
  const std::size_t below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// P(K > lambda) of Kolmogorov's distribution. Its two series converge at opposite ends; where they
// meet, four terms of either are exact to double precision.
double kolmogorov_survival(double lambda) {
  constexpr double kPi = 3.14159265358979323846;
  if (lambda <= 0.0) return 1.0;
  double sum = 0.0;
  if (lambda < 1.18) {
    for (int term = 1; term <= 7; term += 2) {
      sum += std::exp(-term * term * kPi * kPi / (8.0 * lambda * lambda));
    }
    return 1.0 - std::sqrt(2.0 * kPi) / lambda * sum;
  }
  for (int term = 1; term <= 6; ++term) {
    sum += (term % 2 == 1 ? 1.0 : -1.0) * std::exp(-2.0 * term * term * lambda * lambda);
  }
  return std::clamp(2.0 * sum, 0.0, 1.0);
}

}  // namespace

Interval wilson(double successes, double count, double z) {
  kernels::require(count >= 0.0 && successes >= 0.0 && successes <= count,
                   "[wilson] expected 0 <= successes <= count, got ", successes, " of ", count);
  if (count == 0.0) return {0.0, 1.0};
  const double proportion = successes / count;
  const double scale = 1.0 + z * z / count;
  const double center = proportion + z * z / (2.0 * count);
  const double half_width =
      z * std::sqrt(proportion * (1.0 - proportion) / count + z * z / (4.0 * count * count));
  // The bounds at 0 and 1 are exact; rounding would leave them a few 1e-17 off.
  const double low = successes == 0.0 ? 0.0 : (center - half_width) / scale;
  const double high = successes == count ? 1.0 : (center + half_width) / scale;
  return {std::max(low, 0.0), std::min(high, 1.0)};
}

Interval clustered_wilson(const std::vector<Observation>& observations, Facts facts) {
  const double count = static_cast<double>(observations.size());
  double successes = 0.0;
  std::map<int, Cluster> seeds;
  for (const Observation& observation : observations) {
    kernels::require(observation.value == 0.0 || observation.value == 1.0,
                     "[clustered_wilson] expected values of 0 or 1, got ", observation.value);
    successes += observation.value;
    seeds[observation.seed].sum += observation.value;
    seeds[observation.seed].count += 1.0;
  }
  std::vector<Cluster> by_fact, by_seed;
  for (const auto& [key, cluster] : clusters_of_facts(observations, facts)) {
    by_fact.push_back(cluster);
  }
  if (successes == 0.0 || successes == count) {
    const double effective_count = static_cast<double>(by_fact.size());
    return wilson(successes == 0.0 ? 0.0 : effective_count, effective_count);
  }
  for (const auto& [seed, cluster] : seeds) by_seed.push_back(cluster);
  const double usual = count / static_cast<double>(by_fact.size());
  by_fact.push_back({usual, usual});
  by_fact.push_back({0.0, usual});
  const double effect = std::max(
      {1.0,
       design_effect(by_fact, (successes + usual) / (count + 2.0 * usual), count + 2.0 * usual),
       design_effect(by_seed, successes / count, count)});
  return wilson(successes / effect, count / effect);
}

namespace {

// Nothing where the draw holds nothing that was asked.
std::optional<double> mean_of(const Cluster& total) {
  if (total.count == 0.0) return std::nullopt;
  return total.sum / total.count;
}

std::optional<double> mean_of_own_facts(const std::vector<std::vector<Cluster>>& seeds,
                                        kernels::RandomSequence& draws) {
  Cluster total;
  for (std::size_t drawn = 0; drawn < seeds.size(); ++drawn) {
    const std::vector<Cluster>& clusters =
        seeds[seeds.size() == 1 ? 0 : draws.integer(seeds.size())];
    for (std::size_t fact = 0; fact < clusters.size(); ++fact) {
      const Cluster& cluster = clusters[draws.integer(clusters.size())];
      total.sum += cluster.sum;
      total.count += cluster.count;
    }
  }
  return mean_of(total);
}

// Each seed has a cluster for every fact; of one that it was not asked it is empty. `drawn_facts`
// is memory that draws share.
std::optional<double> mean_of_shared_facts(const std::vector<std::vector<Cluster>>& seeds,
                                           std::vector<std::size_t>& drawn_facts,
                                           kernels::RandomSequence& draws) {
  for (std::size_t& fact : drawn_facts) fact = draws.integer(drawn_facts.size());
  Cluster total;
  for (std::size_t drawn = 0; drawn < seeds.size(); ++drawn) {
    const Cluster* const clusters =
        seeds[seeds.size() == 1 ? 0 : draws.integer(seeds.size())].data();
    for (const std::size_t fact : drawn_facts) {
      total.sum += clusters[fact].sum;
      total.count += clusters[fact].count;
    }
  }
  return mean_of(total);
}

}  // namespace

Interval clustered_bootstrap(const std::vector<Observation>& observations,
                             std::uint64_t random_seed, Facts facts, int resamples) {
  kernels::require(resamples > 0, "[clustered_bootstrap] expected resamples above 0, got ",
                   resamples);
  std::map<int, std::size_t> places;  // of facts' numbers, in their order
  std::size_t fact_count = 0;
  for (const auto& [key, cluster] : clusters_of_facts(observations, facts)) {
    if (std::isnan(cluster.sum)) return {kNaN, kNaN};
    places.emplace(key.second, places.size());
    ++fact_count;
  }
  if (fact_count < 2) return {kNaN, kNaN};
  std::map<int, std::vector<Cluster>> by_seed;
  const bool shared = facts == Facts::shared_by_seeds;
  for (const auto& [key, cluster] : clusters_of_facts(observations, Facts::own_of_each_seed)) {
    std::vector<Cluster>& clusters = by_seed[key.first];
    if (!shared) {
      clusters.push_back(cluster);
      continue;
    }
    clusters.resize(places.size());
    clusters[places.at(key.second)] = cluster;
  }
  std::vector<std::vector<Cluster>> seeds;
  for (auto& [seed, clusters] : by_seed) seeds.push_back(std::move(clusters));
  std::vector<std::size_t> drawn_facts(places.size());

  std::vector<double> means;
  for (int resample = 0; resample < resamples; ++resample) {
    kernels::RandomSequence draws(
        {random_seed, kernels::Purpose::bootstrap, static_cast<std::uint64_t>(resample)});
    const std::optional<double> drawn =
        shared ? mean_of_shared_facts(seeds, drawn_facts, draws) : mean_of_own_facts(seeds, draws);
    if (drawn) means.push_back(*drawn);
  }
  if (means.empty() || any_nan(means)) return {kNaN, kNaN};  // infinities of both signs
  std::sort(means.begin(), means.end());
  return {quantile(means, 0.025), quantile(means, 0.975)};
}

double paired_t_test(const std::vector<double>& differences) {
  if (differences.size() < 2 || any_nan(differences)) return kNaN;
  const auto [least, greatest] = std::minmax_element(differences.begin(), differences.end());
  if (*least == *greatest) return *least == 0.0 ? 1.0 : 0.0;
  const double count = static_cast<double>(differences.size());
  const double t = mean(differences) / (standard_deviation(differences) / std::sqrt(count));
  if (!std::isfinite(t)) return std::isnan(t) ? kNaN : 0.0;
  const boost::math::students_t distribution(count - 1.0);
  return 2.0 * boost::math::cdf(boost::math::complement(distribution, std::fabs(t)));
}

double kolmogorov_smirnov_test(std::vector<double> a, std::vector<double> b) {
  if (a.empty() || b.empty() || any_nan(a) || any_nan(b)) return kNaN;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  const double a_count = static_cast<double>(a.size()), b_count = static_cast<double>(b.size());
  double distance = 0.0;
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    // Ties leave both samples at once: the distance is taken between distinct values alone.
    const double value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    distance = std::max(
        distance, std::fabs(static_cast<double>(i) / a_count - static_cast<double>(j) / b_count));
  }
  const double root = std::sqrt(a_count * b_count / (a_count + b_count));
  return kolmogorov_survival((root + 0.12 + 0.11 / root) * distance);
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&p](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size(), std::numeric_limits<double>::quiet_NaN());
  double largest = 0.0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double scaled = p[order[rank]] * static_cast<double>(order.size() - rank);
    largest = std::max(largest, std::min(1.0, scaled));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

Interval difference_interval(double a, const Interval& of_a, double b, const Interval& of_b) {
  const double below = std::hypot(std::max(0.0, a - of_a.low), std::max(0.0, of_b.high - b));
  const double above = std::hypot(std::max(0.0, of_a.high - a), std::max(0.0, b - of_b.low));
  if (std::isnan(of_a.low) || std::isnan(of_a.high) || std::isnan(of_b.low) ||
      std::isnan(of_b.high)) {
    return {kNaN, kNaN};
  }
  return {a - b - below, a - b + above};
}

double mean(const std::vector<double>& values) {
  if (values.empty()) return kNaN;
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double standard_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return kNaN;
  const double center = mean(values);
  double squares = 0.0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double median(std::vector<double> values) {
  if (values.empty() || any_nan(values)) return kNaN;
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

}  // namespace obverse::reversal
