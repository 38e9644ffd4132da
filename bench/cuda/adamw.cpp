// AdamW with bf16 gradients, float moments and weights, and a bf16 copy of the weights: 28 bytes a
// parameter, against the rate of a plain copy.
#include "kernels/adamw/adamw.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/cuda/device_bench.h"

namespace obverse::bench {
namespace {

using kernels::bf16;
using kernels::Rounding;
using kernels::Span;
using kernels::cuda::DeviceArray;

constexpr double kBytesPerParameter = 28.0, kHeldBytesPerParameter = 16.0;
constexpr double kLearningRate = 1e-3, kDecay = 0.1;
constexpr std::int64_t kStep = 10;

struct Pools {
  NormalPool<float> values, squares;
  NormalPool<bf16> gradients;
};

// Where set 0's arrays lie in the pools.
constexpr std::int64_t kWeightOffset = 0, kMomentOffset = 1234567, kOffsetOfSet = 7654321;

struct Set {
  DeviceArray<float> weight, first_moment, second_moment;
  DeviceArray<bf16> gradient, rounded_weight;

  Set(kernels::cuda::Stream& stream, const Pools& pools, std::int64_t count, std::int64_t offset)
      : weight(pools.values.array(stream, count, kWeightOffset + offset)),
        first_moment(pools.values.array(stream, count, kMomentOffset + offset)),
        second_moment(pools.squares.array(stream, count, offset)),
        gradient(pools.gradients.array(stream, count, offset)),
        rounded_weight(stream, count) {}

  std::vector<kernels::AdamWTensor<float, bf16>> tensors(const AdamWSizes& sizes) const {
    std::vector<kernels::AdamWTensor<float, bf16>> result;
    for (std::int64_t i = 0; i < sizes.tensors; ++i) {
      const std::int64_t begin = sizes.begin(i), count = sizes.begin(i + 1) - begin;
      const auto part = [&](const auto& array) { return array.span().subspan(begin, count); };
      result.push_back({part(weight), part(gradient), part(first_moment), part(second_moment),
                        kDecay, part(rounded_weight)});
    }
    return result;
  }
};

// Of set 0's float weights after one step from what the pools hold.
double error_of(DeviceBench& bench, const Pools& pools, const Set& set) {
  const auto indices = sample_indices(256, set.weight.size());
  std::vector<double> expected;
  for (const std::int64_t i : indices) {
    const double g = pools.gradients.at(0, i), w = pools.values.at(kWeightOffset, i);
    const double first = 0.9 * pools.values.at(kMomentOffset, i) + 0.1 * g;
    const double second = 0.95 * pools.squares.at(0, i) + 0.05 * g * g;
    const double direction = first / (1.0 - std::pow(0.9, kStep)) /
                             (std::sqrt(second / (1.0 - std::pow(0.95, kStep))) + 1e-8);
    expected.push_back(w - kLearningRate * (kDecay * w + direction));
  }
  return relative_error(bench.read(set.weight.span(), indices), expected);
}

void measure(DeviceBench& bench, const Pools& pools, const AdamWSizes& sizes, Rounding rounding,
             const std::string& direction) {
  auto& stream = bench.stream();
  const auto count = static_cast<double>(sizes.parameters);
  std::vector<Set> sets;
  std::vector<std::vector<kernels::AdamWTensor<float, bf16>>> tensors;
  for (std::int64_t i = 0; i < bench.sets(kHeldBytesPerParameter * count); ++i) {
    sets.emplace_back(stream, pools, sizes.parameters, i * kOffsetOfSet);
    tensors.push_back(sets.back().tensors(sizes));
  }
  DeviceArray<float> clip_scale(stream, 1);
  const float one = 1.0f;
  kernels::cuda::copy_to_device(stream, clip_scale.span().data(), &one, sizeof(one));
  kernels::AdamW<float, bf16> x;
  x.learning_rate = kLearningRate;
  x.step = kStep;
  x.clip_scale = clip_scale.span();
  x.rounding = rounding;
  const auto body = [&](std::int64_t turn) {
    const auto& of_set = tensors[static_cast<std::size_t>(turn) % tensors.size()];
    x.tensors = {of_set.data(), sizes.tensors};
    kernels::cuda::adamw(x, stream);
  };
  body(0);
  const double error = error_of(bench, pools, sets[0]);
  bench.report().add({.operation = "adamw",
                      .provider = "own",
                      .direction = direction,
                      .shape = sizes.name(),
                      .device = "cuda",
                      .seconds = bench.time_in_turn({body})[0],
                      .work = kBytesPerParameter * count,
                      .ceiling = "copy",
                      .ceiling_rate = bench.copy_rate(),
                      .error = error});
}

}  // namespace

void bench_adamw_on_device(DeviceBench& bench) {
  auto shapes = bench.report().shapes().adamw;
  if (shapes.empty()) shapes = default_adamw_shapes();
  auto& stream = bench.stream();
  const Pools pools{NormalPool<float>(stream, 1), NormalPool<float>(stream, 2, true),
                    NormalPool<bf16>(stream, 3)};
  for (const AdamWSizes& sizes : shapes) {
    for (const auto& [rounding, direction] :
         {std::pair{Rounding::nearest, "update"}, std::pair{Rounding::stochastic, "stochastic"}}) {
      const std::string kernel = std::string("adamw_") + direction;
      if (!bench.report().wanted(kernel, sizes.name())) continue;
      guarded(bench.report(), kernel, sizes.name(), [&, rounding = rounding, name = direction] {
        measure(bench, pools, sizes, rounding, name);
      });
    }
  }
}

}  // namespace obverse::bench
