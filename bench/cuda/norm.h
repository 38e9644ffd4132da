// What the GPU benchmarks of layer_norm and rms_norm share: forward and backward, each also with
// the residual that they add on the way, against the rate of a plain copy.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench/cuda/pointwise.h"

namespace obverse::bench {

// Rows in groups that start `stride` elements apart, as in rms_norm.h.
struct NormSizes {
  std::int64_t groups = 1, rows = 0, width = 0, stride = 0;

  std::int64_t all_rows() const { return groups * rows; }
  std::int64_t elements() const { return groups == 1 ? rows * width : groups * stride; }
  std::int64_t offset(std::int64_t row) const { return row / rows * stride + row % rows * width; }
  std::string name() const {
    return groups == 1 ? shape_name(rows, width) : shape_name(groups, rows, width);
  }
};

// Forward reads input and residual and writes out and sum; backward reads input, output_gradient
// and residual_gradient and writes input_gradient. The last inputs and sum are not there without a
// residual.
template <typename T>
struct NormSet {
  std::vector<kernels::cuda::DeviceArray<T>> inputs, outputs;
  kernels::cuda::DeviceArray<T> gain, bias;
  kernels::cuda::DeviceArray<float> mean, inverse, gain_gradient, bias_gradient;

  kernels::Span<T> input(std::size_t i) const { return span_or_none(inputs, i); }
  kernels::Span<T> output(std::size_t i) const { return span_or_none(outputs, i); }

 private:
  static kernels::Span<T> span_or_none(const std::vector<kernels::cuda::DeviceArray<T>>& arrays,
                                       std::size_t i) {
    return i < arrays.size() ? arrays[i].span() : kernels::Span<T>();
  }
};

// Operation has kName, kCentered and forward() and backward() of sizes, a set and the stream.
template <typename Operation, typename T>
class NormBench {
 public:
  NormBench(DeviceBench& bench, const NormalPool<T>& pool, const NormSizes& sizes)
      : bench_(bench), pool_(pool), sizes_(sizes) {}

  void measure() {
    for (const bool backward : {false, true}) {
      for (const bool residual : {false, true}) {
        const std::string direction = std::string(backward ? "backward" : "forward") +
                                      (residual ? "+add " : " ") + kTypeName<T>;
        const std::string kernel = std::string(Operation::kName) + "_" + direction;
        if (!bench_.report().wanted(kernel, sizes_.name())) continue;
        guarded(bench_.report(), kernel, sizes_.name(),
                [&] { measure_wanted(backward, residual, direction); });
      }
    }
  }

 private:
  using Set = NormSet<T>;
  static constexpr std::int64_t kGain = 3456789, kBias = 2345678;  // where they lie in the pool

  Set make_set(std::int64_t number, std::size_t inputs, std::size_t outputs) {
    auto& stream = bench_.stream();
    Set set;
    for (std::size_t i = 0; i < inputs; ++i) {
      set.inputs.push_back(
          pool_.array(stream, sizes_.elements(), detail::offset_in_pool(number, i)));
    }
    for (std::size_t i = 0; i < outputs; ++i) set.outputs.emplace_back(stream, sizes_.elements());
    set.gain = pool_.array(stream, sizes_.width, kGain);
    set.bias = pool_.array(stream, sizes_.width, kBias);
    for (auto* array : {&set.mean, &set.inverse}) *array = {stream, sizes_.all_rows()};
    for (auto* array : {&set.gain_gradient, &set.bias_gradient}) {
      *array = {stream, sizes_.width};
      kernels::cuda::fill_bytes(stream, array->span().data(), 0,
                                static_cast<std::size_t>(sizes_.width) * sizeof(float));
    }
    return set;
  }

  void measure_wanted(bool backward, bool residual, const std::string& direction) {
    auto& stream = bench_.stream();
    const std::size_t inputs = (backward ? 2u : 1u) + (residual ? 1u : 0u);
    const std::size_t outputs = residual && !backward ? 2 : 1;
    const double bytes_each = static_cast<double>((inputs + outputs) * sizeof(T));
    std::vector<Set> sets;
    const std::int64_t count = bench_.sets(bytes_each * static_cast<double>(sizes_.elements()));
    for (std::int64_t i = 0; i < count; ++i) {
      sets.push_back(make_set(i, inputs, outputs));
      if (backward) {
        Set saving = make_set(i, 1, 1);  // its input is the same
        Operation::forward(sizes_, saving, stream);
        sets.back().mean = std::move(saving.mean);
        sets.back().inverse = std::move(saving.inverse);
      }
      bench_.poison(sets.back().outputs[0]);
    }
    const auto body = [&](std::int64_t turn) {
      const Set& set = sets[static_cast<std::size_t>(turn) % sets.size()];
      if (backward) {
        Operation::backward(sizes_, set, stream);
      } else {
        Operation::forward(sizes_, set, stream);
      }
    };
    body(0);
    const double error = error_of(sets[0], backward);
    bench_.report().add({.operation = Operation::kName,
                         .provider = "own",
                         .direction = direction,
                         .shape = sizes_.name(),
                         .device = "cuda",
                         .seconds = bench_.time_in_turn({body})[0],
                         .work = bytes_each * static_cast<double>(sizes_.all_rows() * sizes_.width),
                         .ceiling = "copy",
                         .ceiling_rate = bench_.copy_rate(),
                         .error = error});
  }

  // Of some elements of set 0's first output.
  double error_of(const Set& set, bool backward) {
    std::vector<std::int64_t> indices;
    std::vector<double> expected;
    for (const std::int64_t place : sample_indices(256, sizes_.all_rows() * sizes_.width)) {
      const std::int64_t row = place / sizes_.width, column = place % sizes_.width;
      indices.push_back(sizes_.offset(row) + column);
      expected.push_back(exact(set, backward, sizes_.offset(row), column));
    }
    return relative_error(bench_.read(set.output(0), indices), expected);
  }

  double exact(const Set& set, bool backward, std::int64_t first, std::int64_t column) const {
    const auto width = static_cast<double>(sizes_.width);
    const auto value = [&](std::size_t input, std::int64_t i) {
      return pool_.at(detail::offset_in_pool(0, input), first + i);
    };
    const auto x = [&](std::int64_t i) {
      if (backward || set.inputs.size() == 1) return value(0, i);
      return static_cast<double>(T(static_cast<float>(value(0, i) + value(1, i))));
    };
    const auto mean_of = [&](const auto& of) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < sizes_.width; ++i) sum += of(i);
      return sum / width;
    };
    const double mean = Operation::kCentered ? mean_of(x) : 0.0;
    const double variance = mean_of([&](std::int64_t i) { return (x(i) - mean) * (x(i) - mean); });
    const double inverse = 1.0 / std::sqrt(variance + 1e-5);  // the default epsilon
    const auto y = [&](std::int64_t i) { return (x(i) - mean) * inverse; };
    if (!backward) {
      const double bias = Operation::kCentered ? pool_.at(kBias, column) : 0.0;
      return y(column) * pool_.at(kGain, column) + bias;
    }
    const auto g = [&](std::int64_t i) { return value(1, i) * pool_.at(kGain, i); };
    const double level = Operation::kCentered ? mean_of(g) : 0.0;
    const double slope = mean_of([&](std::int64_t i) { return g(i) * y(i); });
    const double residual = set.inputs.size() == 3 ? value(2, column) : 0.0;
    return inverse * (g(column) - level - y(column) * slope) + residual;
  }

  DeviceBench& bench_;
  const NormalPool<T>& pool_;
  NormSizes sizes_;
};

template <typename Operation>
void bench_norm(DeviceBench& bench, const std::vector<NormSizes>& shapes) {
  const NormalPool<float> floats(bench.stream(), 1);
  const NormalPool<kernels::bf16> halves(bench.stream(), 1);
  for (const NormSizes& sizes : shapes) {
    NormBench<Operation, float>(bench, floats, sizes).measure();
    NormBench<Operation, kernels::bf16>(bench, halves, sizes).measure();
  }
}

}  // namespace obverse::bench
