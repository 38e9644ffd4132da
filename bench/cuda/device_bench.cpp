#include "bench/cuda/device_bench.h"

#include <cmath>
#include <exception>
#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/matmul/matmul.h"

namespace obverse::bench {

using kernels::bf16;
using kernels::cuda::DeviceArray;
using kernels::cuda::Event;

DeviceBench::DeviceBench(Report& report)
    : report_(report), device_(kernels::cuda::device_properties()) {
  report_.note("device", {{"name", device_.name},
                          {"compute_capability",
                           std::to_string(device_.major) + "." + std::to_string(device_.minor)},
                          {"multiprocessors", device_.multiprocessors},
                          {"l2_bytes", device_.l2_bytes},
                          {"memory_bytes", device_.memory_bytes},
                          {"driver_version", device_.driver_version},
                          {"runtime_version", device_.runtime_version}});
}

std::int64_t DeviceBench::sets(double bytes_per_set) const {
  const double wanted = 2.0 * static_cast<double>(device_.l2_bytes) / bytes_per_set;
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(wanted)), 1, 1024);
}

std::vector<Timing> DeviceBench::time_in_turn(
    const std::vector<std::function<void(std::int64_t)>>& bodies) {
  constexpr double kSampleSeconds = 200e-6, kSecondsEach = 0.2;
  constexpr std::size_t kRound = 12;  // samples of each body without a wait between them
  std::int64_t turn = 0;
  std::vector<std::int64_t> calls;
  for (const auto& body : bodies) {
    Event begin, end;
    body(turn++);
    begin.record(stream_);
    body(turn++);
    end.record(stream_);
    calls.push_back(calls_per_sample(kSampleSeconds, end.seconds_since(begin)));
  }
  std::vector<std::vector<double>> samples(bodies.size());
  double total = 0.0;
  while (total < kSecondsEach * static_cast<double>(bodies.size())) {
    // Events stand between samples, one's end being the next one's begin. The first sample of a
    // round also waits for the host to catch up and is not counted.
    std::vector<Event> events(kRound * bodies.size() + 1);
    std::vector<std::size_t> owners;
    events[0].record(stream_);
    for (std::size_t i = 0; i + 1 < events.size(); ++i) {
      const std::size_t owner = i % bodies.size();
      for (std::int64_t call = 0; call < calls[owner]; ++call) bodies[owner](turn++);
      events[i + 1].record(stream_);
      owners.push_back(owner);
    }
    stream_.synchronize();
    total += events.back().seconds_since(events.front());
    for (std::size_t i = 1; i < owners.size(); ++i) {
      samples[owners[i]].push_back(events[i + 1].seconds_since(events[i]) /
                                   static_cast<double>(calls[owners[i]]));
    }
  }
  std::vector<Timing> timings;
  for (std::vector<double>& of_body : samples) timings.push_back(timing_of(std::move(of_body)));
  return timings;
}

double DeviceBench::product_rate() {
  if (product_rate_ > 0.0) return product_rate_;
  constexpr std::int64_t kSize = 8192;
  const NormalPool<bf16> pool(stream_, 100);
  const auto a = pool.array(stream_, kSize * kSize, 0), b = pool.array(stream_, kSize * kSize, 7);
  const DeviceArray<bf16> out(stream_, kSize * kSize);
  kernels::Matmul<bf16> x;
  x.m = x.n = x.k = kSize;
  x.transpose_b = true;
  x.a = a.span();
  x.b = b.span();
  x.out = out.span();
  const Timing timing =
      time_in_turn({[&](std::int64_t) { kernels::cuda::matmul_cublas(x, stream_); }})[0];
  product_rate_ = 2.0 * std::pow(static_cast<double>(kSize), 3) / timing.median;
  report_.note("ceiling_teraflops_per_second", product_rate_ * 1e-12);
  return product_rate_;
}

double DeviceBench::copy_rate() {
  if (copy_rate_ > 0.0) return copy_rate_;
  constexpr std::int64_t kBytes = std::int64_t{1} << 30;
  const DeviceArray<char> from(stream_, kBytes), to(stream_, kBytes);
  kernels::cuda::fill_bytes(stream_, from.span().data(), 0x5A, kBytes);
  const Timing timing = time_in_turn({[&](std::int64_t) {
    kernels::cuda::copy_on_device(stream_, to.span().data(), from.span().data(), kBytes);
  }})[0];
  copy_rate_ = 2.0 * static_cast<double>(kBytes) / timing.median;
  report_.note("ceiling_gigabytes_per_second", copy_rate_ * 1e-9);
  return copy_rate_;
}

std::vector<std::int64_t> sample_indices(std::int64_t count, std::int64_t bound) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < count; ++i) {
    const double place = kernels::uniform({.step = 200}, static_cast<std::uint64_t>(i));
    indices.push_back(static_cast<std::int64_t>(place * static_cast<double>(bound)));
  }
  return indices;
}

double relative_error(const std::vector<double>& actual, const std::vector<double>& expected) {
  double error = 0.0, largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(actual[i] - expected[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::quiet_NaN();
    error = std::max(error, difference);
    largest = std::max(largest, std::abs(expected[i]));
  }
  return error / largest;
}

void guarded(Report& report, const std::string& kernel, const std::string& shape,
             const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& error) {
    report.fail(kernel, shape, error.what());
  }
  // The next shape's arrays are of other sizes.
  kernels::cuda::release_cached_device_memory();
}

}  // namespace obverse::bench
