#include "experiments/reversal_curse/worlds/pairs_options.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/reversal_curse/worlds/pairs_names.h"
#include "kernels/core/check.h"

namespace obverse::reversal {

namespace {

constexpr int kMaximumPairs = 1'000'000;  // keeps every count of entities and tokens an int

// `total` split by shares: whole parts first, what is left to the largest remainders. That also
// mends products such as 0.29 * 100, which falls just short of 29.
std::array<int, 3> split_by_shares(int total, const std::array<double, 3>& shares) {
  std::array<int, 3> counts{};
  std::array<double, 3> remainders{};
  for (std::size_t part = 0; part < shares.size(); ++part) {
    const double exact = shares[part] * total;
    counts[part] = static_cast<int>(std::floor(exact));
    remainders[part] = exact - counts[part];
  }
  std::array<std::size_t, 3> order = {0, 1, 2};
  std::stable_sort(order.begin(), order.end(), [&remainders](std::size_t a, std::size_t b) {
    return remainders[a] > remainders[b];
  });
  const int left = total - std::accumulate(counts.begin(), counts.end(), 0);
  for (int i = 0; i < left; ++i) ++counts[order[static_cast<std::size_t>(i) % order.size()]];
  return counts;
}

void check(const PairsOptions& options, const std::array<double, 3>& shares) {
  kernels::require(options.pairs > 0 && options.pairs <= kMaximumPairs,
                   "[pairs_world] expected pairs of 1 to ", kMaximumPairs, ", got ", options.pairs);
  kernels::require(options.unseen_pairs >= 0 && options.unseen_pairs <= kMaximumPairs,
                   "[pairs_world] expected unseen_pairs of 0 to ", kMaximumPairs, ", got ",
                   options.unseen_pairs);
  kernels::require(options.name_tokens >= 1 && options.name_tokens <= kMaximumNameTokens,
                   "[pairs_world] expected name_tokens of 1 to ", kMaximumNameTokens, ", got ",
                   options.name_tokens);
  kernels::require(options.name_pool >= kSharedNamePool && options.name_pool <= 4 * kMaximumPairs,
                   "[pairs_world] expected name_pool of -1 (shared), 0 (unique) or a number up to ",
                   4 * kMaximumPairs, ", got ", options.name_pool);
  kernels::require(options.demonstrations >= 0,
                   "[pairs_world] expected demonstrations of 0 or more, got ",
                   options.demonstrations);
  kernels::require(options.premises >= 1 && options.premises <= kMaximumPremises,
                   "[pairs_world] expected premises of 1 to ", kMaximumPremises, ", got ",
                   options.premises);
  kernels::require(std::all_of(shares.begin(), shares.end(), [](double s) { return s >= 0.0; }),
                   "[pairs_world] expected shares of 0 or more, got ", shares[0], ", ", shares[1],
                   ", ", shares[2]);
  const double sum = shares[0] + shares[1] + shares[2];
  kernels::require(std::fabs(sum - 1.0) <= 1e-9,
                   "[pairs_world] expected shares that sum to 1, got ", shares[0], " + ", shares[1],
                   " + ", shares[2], " = ", sum);
}

}  // namespace

std::array<int, kSubsetCount> facts_by_subset(const PairsOptions& options) {
  const std::array<double, 3> shares = {options.share_both, options.share_forward,
                                        options.share_reverse};
  check(options, shares);
  const std::array<int, 3> stated = split_by_shares(options.pairs, shares);
  const std::array<int, kSubsetCount> counts = {stated[0], stated[1], stated[2],
                                                options.unseen_pairs};
  constexpr std::array<const char*, kSubsetCount> kDescriptions = {
      "stated both ways", "stated forward only", "stated backward only", "never stated"};
  const bool both_frames =
      counts[kStatedBoth] > 0 || (counts[kStatedForward] > 0 && counts[kStatedBackward] > 0);
  kernels::require(
      both_frames,
      "[pairs_world] expected facts stated in either direction, so that the words of a "
      "reverse question are known, got ",
      counts[kStatedBoth], " stated both ways, ", counts[kStatedForward], " forward and ",
      counts[kStatedBackward], " backward");
  for (std::size_t subset = 0; subset < counts.size(); ++subset) {
    kernels::require(counts[subset] != 1, "[pairs_world] expected 0 or at least 2 facts ",
                     kDescriptions[subset],
                     ", so that each has a wrong answer to be asked against, got 1");
  }
  return counts;
}

}  // namespace obverse::reversal
