// What the tests of pointwise kernels share: sizes and places of arrays, and what comes out of
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/backends/backend.h"
#include "tests/backends/guarded.h"
#include "tests/support/catch.h"

namespace obverse::tests {

// How many elements arrays have and, each, start past an aligned address.
struct PointwiseCase {
  std::int64_t count = 0, shift_a = 0, shift_b = 0, shift_out = 0;
};
// Fewer and more than a thread's and a block's, a block's exactly; vectors, and single elements
// where any one array is to blame; every array past its start by whole vectors.
inline constexpr PointwiseCase kPointwiseCases[] = {
    {0},         {1},           {7},       {8},          {1025},          {4096},
    {8192 + 13}, {21, 1, 1, 1}, {4099, 1}, {2049, 0, 3}, {2050, 0, 0, 2}, {3001, 8, 8, 8}};

// out[i] of a pointwise kernel in T, as the contract has it: computed by `of(i)` in float from
// inputs in T, then rounded.
template <typename T, typename Of>
std::vector<T> rounded_each(std::size_t count, const Of& of) {
  std::vector<T> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(T(static_cast<float>(of(i))));
  return values;
}
// The same in double.
template <typename Of>
std::vector<double> exact_each(std::size_t count, const Of& of) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(of(i));
  return values;
}

// Compares what a kernel wrote with `exact`, of double, by the rule of check_flash_rule; `plain` is
// the same of float.
template <typename T, typename Exact, typename Plain>
void check_each(const std::vector<T>& out, const Exact& exact, const Plain& plain,
                const std::string& what) {
  check_flash_rule(out, rounded_each<T>(out.size(), plain), exact_each(out.size(), exact), what);
}

// That no order of threads and blocks changes a bit of what `run` returns.
template <typename Run>
void check_deterministic(const Run& run, const std::string& what) {
  const auto expected = run();
  for_schedules([&] { check_same_bits(run(), expected, what); }, 3);
}

}  // namespace obverse::tests
