// Wall-clock timing of short, repeatable work.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace obverse::bench {

inline double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// The median time of one call. Calls are timed in batches of at least 50 microseconds, so that
// reading the clock does not count, after a warm-up that brings code, pages and threads in place;
// about 0.2 seconds in all.
template <typename Body>
double median_seconds(const Body& body) {
  constexpr double kBatchSeconds = 50e-6, kTotalSeconds = 0.2;
  constexpr std::size_t kLeastBatches = 5, kMostBatches = 1000;
  body();
  const double first = seconds_now();
  body();
  const double once = std::max(1e-9, seconds_now() - first);
  const auto calls = std::max<std::int64_t>(1, static_cast<std::int64_t>(kBatchSeconds / once));
  std::vector<double> batches;
  const double start = seconds_now();
  while (batches.size() < kLeastBatches ||
         (batches.size() < kMostBatches && seconds_now() - start < kTotalSeconds)) {
    const double begin = seconds_now();
    for (std::int64_t call = 0; call < calls; ++call) body();
    batches.push_back((seconds_now() - begin) / static_cast<double>(calls));
  }
  const auto middle = batches.begin() + static_cast<std::ptrdiff_t>(batches.size() / 2);
  std::nth_element(batches.begin(), middle, batches.end());
  return *middle;
}

}  // namespace obverse::bench
