#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/core/check.h"
#include "kernels/core/math.h"
#include "kernels/core/partition.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/cross_entropy/cross_entropy_check.h"

namespace obverse::kernels::cpu {
namespace {

// The largest of a row; NaN elements are skipped (they reach the loss through the exponentials).
// Lanes are spelled out: a plain maximum loop is one dependent comparison after another, which
// without -ffast-math stays scalar.
template <typename T>
T row_maximum(const T* row, std::int64_t count) {
  constexpr std::int64_t kLanes = 256 / sizeof(T);
  constexpr T kLowest = -std::numeric_limits<T>::infinity();
  T lanes[kLanes];
  std::fill_n(lanes, kLanes, kLowest);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = row[i + lane] > lanes[lane] ? row[i + lane] : lanes[lane];
    }
  }
  for (std::int64_t lane = 0; i < count; ++i, ++lane) lanes[lane] = std::max(lanes[lane], row[i]);
  return *std::max_element(lanes, lanes + kLanes);
}

// Returns the sum of exp(row - maximum); with kKeep the exponentials replace the row.
template <bool kKeep, typename T>
T exponentiate(T* row, std::int64_t count, T maximum) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) {
    const T power = kernels::exp(row[i] - maximum);
    if constexpr (kKeep) row[i] = power;
    sum += power;
  }
  return sum;
}

template <typename T>
void process_row(const CrossEntropy<T>& arguments, std::int64_t token) {
  const std::int64_t vocabulary = arguments.vocabulary;
  T* row = arguments.logits.subspan(token * vocabulary, vocabulary).data();
  const std::int32_t target = arguments.targets[token];
  if (target == kIgnoredTarget) {
    arguments.losses[token] = 0;
    if (arguments.write_gradient) std::fill_n(row, vocabulary, T(0));
    return;
  }
  const T maximum = row_maximum(row, vocabulary);
  const T target_logit = row[target];
  const T sum = arguments.write_gradient ? exponentiate<true>(row, vocabulary, maximum)
                                         : exponentiate<false>(row, vocabulary, maximum);
  arguments.losses[token] = std::log(sum) + (maximum - target_logit);
  if (!arguments.write_gradient) return;
  const T weight = arguments.weights.empty() ? T(1) : arguments.weights[token];
  T scale = weight * static_cast<T>(arguments.gradient_scale);
  if (!arguments.gradient_factor.empty()) scale *= arguments.gradient_factor[0];
  const T factor = scale / sum;
#pragma omp simd
  for (std::int64_t i = 0; i < vocabulary; ++i) row[i] *= factor;
  row[target] -= scale;
}

}  // namespace

template <typename T>
void cross_entropy(const CrossEntropy<T>& arguments) {
  const std::int64_t tokens = arguments.tokens, vocabulary = arguments.vocabulary;
  check_cross_entropy(arguments);
  for (std::int64_t token = 0; token < tokens; ++token) {
    const std::int32_t target = arguments.targets[token];
    require(target == kIgnoredTarget || (target >= 0 && target < vocabulary),
            "[cross_entropy] expected targets of ", kIgnoredTarget, " or from 0 to below ",
            vocabulary, ", got ", target, " at token ", token);
  }
  parallel_rows(tokens, vocabulary, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t token = begin; token < end; ++token) process_row(arguments, token);
  });
}

template void cross_entropy(const CrossEntropy<float>&);
template void cross_entropy(const CrossEntropy<double>&);

}  // namespace obverse::kernels::cpu
