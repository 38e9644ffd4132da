// One test source, three ways to run it: on the CPU kernels, on the CUDA kernels under the
// emulator, and on a GPU. CMake compiles tests/backends/*_test.cpp once for each with one of
// OBVERSE_BACKEND_CPU, OBVERSE_BACKEND_EMULATED and OBVERSE_BACKEND_CUDA.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/core/bf16.h"
#include "kernels/core/span.h"
#include "tests/support/random_values.h"

#ifndef OBVERSE_BACKEND_CPU
#include "kernels/core/device_memory.h"
#include "kernels/core/stream.h"
#endif
#ifdef OBVERSE_BACKEND_EMULATED
#include "tests/emulator/emulator.h"
#endif
#ifdef OBVERSE_BACKEND_CUDA
#include "kernels/core/device.h"
#endif

namespace obverse::tests {

using kernels::bf16;

#if defined(OBVERSE_BACKEND_CPU)
inline constexpr bool kOnCpu = true;
// The element types that the backend's kernels take, for TEMPLATE_TEST_CASE.
#define OBVERSE_BACKEND_TYPES float
#else
inline constexpr bool kOnCpu = false;
#define OBVERSE_BACKEND_TYPES float, ::obverse::kernels::bf16
inline kernels::cuda::Stream& test_stream() {
  static kernels::cuda::Stream stream;
  return stream;
}
#endif

// OBVERSE_RUN(matmul, arguments) calls the kernel of that name of the backend under test and waits
// for it. A macro, because the name is looked up in the backend's namespace.
#ifdef OBVERSE_BACKEND_CPU
#define OBVERSE_RUN(kernel, ...) ::obverse::kernels::cpu::kernel(__VA_ARGS__)
#else
#define OBVERSE_RUN(kernel, ...)                                                    \
  do {                                                                              \
    ::obverse::kernels::cuda::kernel(__VA_ARGS__, ::obverse::tests::test_stream()); \
    ::obverse::tests::test_stream().synchronize();                                  \
  } while (false)
#endif

// An array in the memory of the backend under test.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(const std::vector<T>& values) : size_(static_cast<std::int64_t>(values.size())) {
#ifdef OBVERSE_BACKEND_CPU
    values_ = values;
#else
    array_ = kernels::cuda::DeviceArray<T>(test_stream(), size_);
    kernels::cuda::copy_to_device(test_stream(), array_.span().data(), values.data(),
                                  values.size() * sizeof(T));
#endif
  }
  // `count` elements whose bits are all ones, which is a NaN: an output that a kernel forgets to
  // write stays one.
  static Buffer poisoned(std::int64_t count) {
    std::vector<T> values(static_cast<std::size_t>(count));
    if (count > 0) std::memset(static_cast<void*>(values.data()), 0xFF, values.size() * sizeof(T));
    return Buffer(values);
  }

  kernels::Span<T> span() {
#ifdef OBVERSE_BACKEND_CPU
    return {values_.data(), size_};
#else
    return array_.span();
#endif
  }
  std::vector<T> to_vector() {
#ifdef OBVERSE_BACKEND_CPU
    return values_;
#else
    std::vector<T> values(static_cast<std::size_t>(size_));
    kernels::cuda::copy_to_host(test_stream(), values.data(), array_.span().data(),
                                values.size() * sizeof(T));
    return values;
#endif
  }

 private:
  std::int64_t size_ = 0;
#ifdef OBVERSE_BACKEND_CPU
  std::vector<T> values_;
#else
  kernels::cuda::DeviceArray<T> array_;
#endif
};

// Runs `body` once for each order in which the emulator can run threads and blocks: forward,
// reverse, and at random by two seeds. Elsewhere, where the hardware decides, `repeats` times.
template <typename Body>
void for_schedules(const Body& body, int repeats = 1) {
#ifdef OBVERSE_BACKEND_EMULATED
  static_cast<void>(repeats);
  for (const emulation::Schedule& schedule :
       {emulation::Schedule::forward(), emulation::Schedule::reverse(),
        emulation::Schedule::random(1), emulation::Schedule::random(2)}) {
    const emulation::WithSchedule with(schedule);
    body();
  }
#else
  for (int i = 0; i < repeats; ++i) body();
#endif
}

// Standard normal values in the precision of T; `stream` tells arrays of one test apart.
template <typename T>
std::vector<T> normal_in(std::int64_t count, std::uint64_t stream) {
  const auto values = normal_values<float>(count, stream);
  if constexpr (std::is_same_v<T, float>) {
    return values;
  } else {
    std::vector<T> rounded;
    rounded.reserve(values.size());
    for (const float value : values) rounded.emplace_back(value);
    return rounded;
  }
}

// FlashAttention's rule: the largest error against `reference` (double, from the same rounded
// inputs) is at most twice that of `same_precision`, a plain computation with the same element
// type, plus twice the rounding noise of one addition and subtraction at the values' own size.
// Names the worst element where it fails; a NaN always fails.
template <typename T>
void check_flash_rule(const std::vector<T>& out, const std::vector<T>& same_precision,
                      const std::vector<double>& reference, const std::string& what) {
  REQUIRE(out.size() == reference.size());
  REQUIRE(same_precision.size() == reference.size());
  double allowed = 0.0, noise = 0.0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    allowed = std::max(allowed, std::abs(static_cast<double>(same_precision[i]) - reference[i]));
    const T once(static_cast<float>(T(static_cast<float>(reference[i]))) + 0.3f);
    const T back(static_cast<float>(once) - 0.3f);
    const T plain(static_cast<float>(reference[i]));
    noise = std::max(noise, std::abs(static_cast<double>(back) - static_cast<double>(plain)));
  }
  const double limit = 2.0 * allowed + 2.0 * noise;
  std::size_t worst = 0;
  double largest = -1.0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double error = std::abs(static_cast<double>(out[i]) - reference[i]);
    if (!(error <= largest)) {
      largest = error;
      worst = i;
      if (std::isnan(error)) break;
    }
  }
  INFO(what << ": element " << worst << " of " << reference.size() << ": expected "
            << (reference.empty() ? 0.0 : reference[worst]) << ", got "
            << (out.empty() ? 0.0 : static_cast<double>(out[worst])) << ", error " << largest
            << ", allowed " << limit);
  CHECK((reference.empty() || largest <= limit));
}

}  // namespace obverse::tests
