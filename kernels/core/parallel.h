// Threads for the CPU kernels. Work is cut into contiguous ranges for the calling thread's OpenMP
// team, so that a thread count of one (`omp_set_num_threads(1)` in a job's thread)
// costs no team at all.
#pragma once

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <exception>

#include "kernels/core/division.h"

namespace obverse::kernels {

// How many threads a kernel called from this thread would use. 1 inside another parallel region.
inline int thread_count() { return omp_in_parallel() != 0 ? 1 : omp_get_max_threads(); }

namespace detail {
constexpr std::int64_t kMostThreads = 128;  // that work on one kernel
constexpr std::int64_t kRangesPerThread = 4;
}  // namespace detail

// Calls body(begin, end) on disjoint ranges that cover [0, count), in no particular order and,
// where there are threads, several a thread. A range holds at least `grain` items (but for the
// last), so that small work stays on the calling thread. An exception of any range is rethrown
// here.
//
// `prepare` runs first on every thread that may call `body`, whether or not it comes to: what a
// thread keeps between calls it must have from the first call on, since who takes what changes.
//
// Each thread owns a contiguous part, the same in every call of the same count, so that what it
// wrote in the last kernel is still in its own cache; whoever has finished its part takes ranges
// of the others'. Equal shares alone would make all wait for the slowest, and on a shared machine
// some thread is always slow.
template <typename Body, typename Prepare>
void parallel_for(std::int64_t count, std::int64_t grain, const Body& body,
                  const Prepare& prepare) {
  if (count <= 0) return;
  const std::int64_t most = std::max<std::int64_t>(1, count / std::max<std::int64_t>(1, grain));
  const int threads =
      static_cast<int>(std::min<std::int64_t>({thread_count(), most, detail::kMostThreads}));
  if (threads <= 1) {
    prepare();
    body(std::int64_t{0}, count);
    return;
  }
  const std::int64_t ranges_each = std::min(detail::kRangesPerThread, most / threads);
  std::array<std::atomic<std::int64_t>, detail::kMostThreads> taken{};  // of each thread's part
  std::exception_ptr failure;
  const std::int64_t length = quotient_up(count, threads * ranges_each);
  const auto work = [&](int thread) {
    prepare();
    for (int turn = 0; turn < threads; ++turn) {
      const int owner = (thread + turn) % threads;
      std::atomic<std::int64_t>& next = taken[static_cast<std::size_t>(owner)];
      for (std::int64_t range; (range = next.fetch_add(1)) < ranges_each;) {
        const std::int64_t begin = std::min(count, (owner * ranges_each + range) * length);
        const std::int64_t end = std::min(count, begin + length);
        if (begin < end) body(begin, end);
      }
    }
  };
  // The whole team, though some may find nothing to do: libgomp ends the threads, and with them
  // what they keep, that a smaller team leaves over.
#pragma omp parallel
  {
    try {
      work(omp_get_thread_num());
    } catch (...) {
#pragma omp critical(obverse_parallel_for)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

template <typename Body>
void parallel_for(std::int64_t count, std::int64_t grain, const Body& body) {
  parallel_for(count, grain, body, [] {});
}

}  // namespace obverse::kernels
