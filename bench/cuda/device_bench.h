// What the GPU benchmarks of all operations share: inputs, timing, ceilings, reading back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/support/report.h"
#include "bench/support/timing.h"
#include "kernels/core/bf16.h"
#include "kernels/core/device.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/parallel.h"
#include "kernels/core/random.h"
#include "kernels/core/stream.h"

namespace obverse::bench {

// Standard normal values in device memory, of which arrays are filled by copies: drawing gigabytes
// would take longer than measuring. The period is a prime, so that no two rows of a matrix are
// alike. The host knows every element without reading it back.
template <typename T>
class NormalPool {
 public:
  explicit NormalPool(kernels::cuda::Stream& stream, std::uint64_t number, bool squared = false)
      : values_(static_cast<std::size_t>(kPeriod)), device_(stream, kPeriod) {
    kernels::parallel_for(kPeriod, 4096, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const double draw = kernels::normal({.step = number}, static_cast<std::uint64_t>(i));
        values_[static_cast<std::size_t>(i)] = T(static_cast<float>(squared ? draw * draw : draw));
      }
    });
    kernels::cuda::copy_to_device(stream, device_.span().data(), values_.data(),
                                  values_.size() * sizeof(T));
  }

  // Element i of an array that was filled from `offset`.
  double at(std::int64_t offset, std::int64_t i) const {
    return static_cast<double>(values_[static_cast<std::size_t>((offset + i) % kPeriod)]);
  }
  kernels::cuda::DeviceArray<T> array(kernels::cuda::Stream& stream, std::int64_t count,
                                      std::int64_t offset) const {
    kernels::cuda::DeviceArray<T> result(stream, count);
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t from = (offset + done) % kPeriod;
      const std::int64_t length = std::min(count - done, kPeriod - from);
      kernels::cuda::copy_on_device(stream, result.span().data() + done,
                                    device_.span().data() + from,
                                    static_cast<std::size_t>(length) * sizeof(T));
      done += length;
    }
    return result;
  }

 private:
  static constexpr std::int64_t kPeriod = 4194301;
  std::vector<T> values_;
  kernels::cuda::DeviceArray<T> device_;
};

class DeviceBench {
 public:
  explicit DeviceBench(Report& report);

  kernels::cuda::Stream& stream() { return stream_; }
  Report& report() { return report_; }

  // How many sets of arrays of so many bytes to take turns with, so that none is still in the
  // second-level cache when its turn comes again.
  std::int64_t sets(double bytes_per_set) const;

  // The time of one call of each body on the device. Bodies only start work and get the number of
  // the call. They take turns sample by sample, so that a clock that falls as the device warms
  // falls for all. Of calls that the device does faster than the host can start them, some
  // microseconds, the host's time is what is measured.
  std::vector<Timing> time_in_turn(const std::vector<std::function<void(std::int64_t)>>& bodies);

  // The best that the device did in this run: cuBLAS's 8192-cubed product, operations a second; a
  // copy of 1 GiB, bytes read and written a second.
  double product_rate();
  double copy_rate();

  // Fills an output with NaNs, so that what a kernel leaves out is seen.
  template <typename T>
  void poison(const kernels::cuda::DeviceArray<T>& array) {
    kernels::cuda::fill_bytes(stream_, array.span().data(), 0xFF,
                              static_cast<std::size_t>(array.size()) * sizeof(T));
  }

  // Elements `indices` of `array`, in double.
  template <typename T>
  std::vector<double> read(kernels::Span<T> array, const std::vector<std::int64_t>& indices) {
    std::vector<double> values;
    for (const std::int64_t index : indices) {
      std::remove_const_t<T> value;
      kernels::cuda::copy_to_host(stream_, &value, array.data() + index, sizeof(T));
      values.push_back(static_cast<double>(value));
    }
    return values;
  }

 private:
  Report& report_;
  kernels::cuda::DeviceProperties device_;
  kernels::cuda::Stream stream_;
  double product_rate_ = 0.0, copy_rate_ = 0.0;
};

// So many indices below `bound`, at random.
std::vector<std::int64_t> sample_indices(std::int64_t count, std::int64_t bound);

// The largest error over the largest magnitude of what is expected; NaN where a value is one.
double relative_error(const std::vector<double>& actual, const std::vector<double>& expected);

// Runs `body`; what goes wrong is noted for `kernel shape`, and the benchmark goes on.
void guarded(Report& report, const std::string& kernel, const std::string& shape,
             const std::function<void()>& body);

}  // namespace obverse::bench
