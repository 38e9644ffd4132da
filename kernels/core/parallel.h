// Threads for the CPU kernels. Work is cut into contiguous ranges, one a thread of the calling
// thread's OpenMP team, so that a thread count of one (`omp_set_num_threads(1)` in a job's thread)
// costs no team at all.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

namespace obverse::kernels {

// How many threads a kernel called from this thread would use. 1 inside another parallel region.
inline int thread_count() { return omp_in_parallel() != 0 ? 1 : omp_get_max_threads(); }

// Calls body(begin, end) on disjoint ranges that cover [0, count). A range holds at least `grain`
// items (but for the last), so that small work stays on the calling thread. An exception of any
// range is rethrown here.
template <typename Body>
void parallel_for(std::int64_t count, std::int64_t grain, const Body& body) {
  if (count <= 0) return;
  const std::int64_t most = std::max<std::int64_t>(1, count / std::max<std::int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<std::int64_t>(thread_count(), most));
  if (threads <= 1) {
    body(std::int64_t{0}, count);
    return;
  }
  std::exception_ptr failure;
#pragma omp parallel num_threads(threads)
  {
    const int team = omp_get_num_threads();  // a limit may have made it smaller than asked for
    const std::int64_t part = (count + team - 1) / team;
    const std::int64_t begin = std::min(count, part * omp_get_thread_num());
    const std::int64_t end = std::min(count, begin + part);
    try {
      if (begin < end) body(begin, end);
    } catch (...) {
#pragma omp critical(obverse_parallel_for)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace obverse::kernels
