// What the GPU benchmarks of kernels share that are bound by memory and compute each element of
// their output from few of their inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "bench/cuda/device_bench.h"
#include "bench/support/shapes.h"

namespace obverse::bench {

template <typename T>
inline constexpr const char* kTypeName = std::is_same_v<T, float> ? "float" : "bf16";

// Activations of GPT-2 124M: of 8192 and 65536 tokens, and the hidden layer of the former.
struct ActivationSizes {
  std::int64_t rows = 0, width = 0;
  std::int64_t count() const { return rows * width; }
  std::string name() const { return shape_name(rows, width); }
};
inline constexpr ActivationSizes kActivationSizes[] = {{8192, 768}, {65536, 768}, {8192, 3072}};

// One kernel on inputs of standard normal values.
template <typename In, typename Out = In>
struct Pointwise {
  std::string operation, direction, shape;
  std::vector<std::int64_t> inputs;  // how many elements each has
  std::int64_t outputs = 0;          // 0: the first input is overwritten
  std::function<void(const std::vector<kernels::Span<In>>&, kernels::Span<Out>)> call;
  // Output i, in double; value(k, j) is element j of input k.
  using Value = std::function<double(std::size_t, std::int64_t)>;
  std::function<double(const Value& value, std::int64_t i)> exact;
};

namespace detail {

inline std::int64_t offset_in_pool(std::int64_t set, std::size_t input) {
  return set * 7654321 + static_cast<std::int64_t>(input) * 1234567;
}

template <typename In, typename Out>
void measure_wanted(DeviceBench& bench, const NormalPool<In>& pool, const Pointwise<In, Out>& x) {
  using kernels::Span;
  using kernels::cuda::DeviceArray;
  struct Set {
    std::vector<DeviceArray<In>> inputs;
    std::vector<Span<In>> spans;
    DeviceArray<Out> out;
  };
  auto& stream = bench.stream();
  double bytes = static_cast<double>(x.outputs) * sizeof(Out);
  for (const std::int64_t count : x.inputs) bytes += static_cast<double>(count) * sizeof(In);
  const double held = bytes;
  if (x.outputs == 0) bytes += static_cast<double>(x.inputs[0]) * sizeof(In);
  std::vector<Set> sets(static_cast<std::size_t>(bench.sets(held)));
  for (std::size_t set = 0; set < sets.size(); ++set) {
    for (std::size_t input = 0; input < x.inputs.size(); ++input) {
      sets[set].inputs.push_back(pool.array(stream, x.inputs[input],
                                            offset_in_pool(static_cast<std::int64_t>(set), input)));
      sets[set].spans.push_back(sets[set].inputs.back().span());
    }
    sets[set].out = DeviceArray<Out>(stream, x.outputs);
    bench.poison(sets[set].out);
  }
  const auto body = [&](std::int64_t turn) {
    const Set& set = sets[static_cast<std::size_t>(turn) % sets.size()];
    x.call(set.spans, set.out.span());
  };
  body(0);
  const std::int64_t results = x.outputs == 0 ? x.inputs[0] : x.outputs;
  const auto indices = sample_indices(256, results);
  std::vector<double> expected;
  for (const std::int64_t i : indices) {
    expected.push_back(x.exact(
        [&](std::size_t input, std::int64_t j) { return pool.at(offset_in_pool(0, input), j); },
        i));
  }
  const auto actual = x.outputs == 0 ? bench.read(sets[0].spans[0], indices)
                                     : bench.read(sets[0].out.span(), indices);
  bench.report().add({.operation = x.operation,
                      .provider = "own",
                      .direction = x.direction,
                      .shape = x.shape,
                      .device = "cuda",
                      .seconds = bench.time_in_turn({body})[0],
                      .work = bytes,
                      .ceiling = "copy",
                      .ceiling_rate = bench.copy_rate(),
                      .error = relative_error(actual, expected)});
}

}  // namespace detail

// Where it is wanted. Bytes are those of all inputs and outputs, once.
template <typename In, typename Out>
void measure_pointwise(DeviceBench& bench, const NormalPool<In>& pool,
                       const Pointwise<In, Out>& x) {
  const std::string kernel = x.operation + "_" + x.direction;
  if (!bench.report().wanted(kernel, x.shape)) return;
  guarded(bench.report(), kernel, x.shape, [&] { detail::measure_wanted(bench, pool, x); });
}

}  // namespace obverse::bench
