// Wall-clock timing of short, repeatable work.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

namespace obverse::bench {

// Seconds of one call: the median of many samples, and what a fifth of them stay below and above.
struct Timing {
  double median = 0.0, low = 0.0, high = 0.0;
};

// The sample below or at which a `part` of all lie. REQUIRES: sorted, not empty; 0 <= part <= 1.
inline double percentile(const std::vector<double>& sorted, double part) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(std::lround(part * last))];
}

inline Timing timing_of(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return {percentile(samples, 0.5), percentile(samples, 0.2), percentile(samples, 0.8)};
}

inline double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// How many calls make up a sample that is long beside what reading a clock costs.
inline std::int64_t calls_per_sample(double sample_seconds, double call_seconds) {
  return std::max<std::int64_t>(
      1, static_cast<std::int64_t>(sample_seconds / std::max(1e-9, call_seconds)));
}

// The time of one call. Calls are timed in batches of at least 50 microseconds, so that reading the
// clock does not count, after a warm-up that brings code, pages and threads in place; about 0.2
// seconds in all.
template <typename Body>
Timing time_calls(const Body& body) {
  constexpr double kBatchSeconds = 50e-6, kTotalSeconds = 0.2;
  constexpr std::size_t kLeastBatches = 5, kMostBatches = 1000;
  body();
  const double first = seconds_now();
  body();
  const std::int64_t calls = calls_per_sample(kBatchSeconds, seconds_now() - first);
  std::vector<double> batches;
  const double start = seconds_now();
  while (batches.size() < kLeastBatches ||
         (batches.size() < kMostBatches && seconds_now() - start < kTotalSeconds)) {
    const double begin = seconds_now();
    for (std::int64_t call = 0; call < calls; ++call) body();
    batches.push_back((seconds_now() - begin) / static_cast<double>(calls));
  }
  return timing_of(std::move(batches));
}

template <typename Body>
double median_seconds(const Body& body) {
  return time_calls(body).median;
}

}  // namespace obverse::bench
