// AdamW is bound by memory: a block owns so many elements of one tensor and reads and writes each
// of its arrays once, with all reads under way before the first is used.
//
// One launch updates all tensors. Which tensor a block works on it finds in a table in device
// memory, since a kernel's parameters (4 KiB) hold only some forty tensors. The table gets there as
// parameters of small launches before, not by a copy from host memory: parameters are taken when
// the launch is made, so that the host neither waits nor keeps anything alive, and a CUDA graph
// that captures the launches replays them with the table's contents.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/adamw/adamw.h"
#include "kernels/adamw/adamw_update.h"
#include "kernels/core/device_memory.h"
#include "kernels/core/division.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/ptx.cuh"

namespace obverse::kernels::cuda {
namespace {

constexpr int kThreads = 256;
// What a thread moves of each array at once: sixteen bytes of float, eight of bf16, so that a
// warp's accesses to either are whole cache lines.
constexpr int kGroup = 4;
static_assert(kGroup == kAdamWDraws);
// Two are under way at a time: 112 bytes a thread. Memory's latency at its full rate asks for some
// 25 KiB a multiprocessor, which a quarter of its threads then cover.
constexpr int kGroups = 2;
constexpr int kBlockElements = kThreads * kGroup * kGroups;

template <typename T, typename Gradient>
struct Entry {
  Span<T> weight;
  Span<const Gradient> gradient;
  Span<float> first_moment, second_moment;
  Span<bf16> rounded_weight;
  float keep;                // filled in on the device, which knows the learning rate
  std::int32_t first_block;  // the tensor's blocks follow one another from here
  std::uint32_t number;      // in AdamW::tensors
  bool aligned;              // every array starts at a multiple of 16 bytes
};

// The part of a step's coefficients that its schedule decides, in memory; the rest are parameters
// of the kernel, which cost no registers.
struct Step {
  float step_size, inverse_correction;
  double learning_rate;
  std::uint32_t number;
};

// Part of the table on its way to device memory.
template <typename T, typename Gradient>
struct TablePart {
  static constexpr int kCount = 36;
  Entry<T, Gradient> entries[kCount];
  double weight_decay[kCount];
  Span<Entry<T, Gradient>> destination;
};
static_assert(sizeof(TablePart<float, float>) + sizeof(Span<const Step>) <= 4096);

template <typename T, typename Gradient>
struct Arguments {
  Span<const Entry<T, Gradient>> table;  // of tensors that are not empty
  Span<const float> clip_scale;
  Span<const Step> step;  // [1]
  AdamWCoefficients<float> coefficients;
  bool stochastic;
  std::uint64_t seed;
};

// Two powers in double: once a step, not once a thread.
__global__ void __launch_bounds__(kWarpSize)
    prepare_step(AdamWConstants constants, AdamWSchedule given, Span<const AdamWSchedule> in_memory,
                 Span<Step> step) {
  if (thread_index().x != 0) return;
  const AdamWSchedule schedule = in_memory.empty() ? given : in_memory[0];
  const auto coefficients = adamw_coefficients<float>(constants, schedule);
  step[0] = {coefficients.step_size, coefficients.inverse_correction, schedule.learning_rate,
             static_cast<std::uint32_t>(schedule.step)};
}

template <typename T, typename Gradient>
__global__ void __launch_bounds__(kWarpSize)
    write_table(TablePart<T, Gradient> part, Span<const Step> step) {
  for (std::int64_t i = thread_index().x; i < part.destination.size(); i += kWarpSize) {
    Entry<T, Gradient> entry = part.entries[i];
    entry.keep = adamw_keep<float>(step[0].learning_rate, part.weight_decay[i]);
    part.destination[i] = entry;
  }
}

// The last entry whose first block is not past `block`. A warp looks at 32 entries at once: two
// rounds for a thousand tensors.
template <typename T, typename Gradient>
__device__ __forceinline__ int entry_of_block(Span<const Entry<T, Gradient>> table, int block) {
  int low = 0;
  int count = static_cast<int>(table.size());
  while (count > 1) {
    const int stride = quotient_up(count, kWarpSize);
    const int offset = lane_index() * stride;
    const bool begun = offset < count && table[low + offset].first_block <= block;
    const int skipped = (std::popcount(ballot(kFullMask, begun)) - 1) * stride;
    low += skipped;
    count = count - skipped < stride ? count - skipped : stride;
  }
  return low;
}

template <typename T>
__device__ __forceinline__ void load_group(float (&values)[kGroup], Span<T> source,
                                           std::int64_t index) {
  if constexpr (sizeof(T) == sizeof(float)) {
    const auto group = load_16<CacheHint::streaming>(source, index);
    OBVERSE_UNROLL
    for (int i = 0; i < kGroup; ++i) values[i] = group[i];
  } else {
    const auto group = load_8<CacheHint::streaming>(source, index);
    OBVERSE_UNROLL
    for (int i = 0; i < kGroup; ++i) values[i] = static_cast<float>(group[i]);
  }
}

__device__ __forceinline__ void store_group(Span<float> destination, std::int64_t index,
                                            const float (&values)[kGroup]) {
  Vector16<float> group;
  OBVERSE_UNROLL
  for (int i = 0; i < kGroup; ++i) group[i] = values[i];
  store_16<CacheHint::streaming>(destination, index, group);
}

__device__ __forceinline__ bool is_finite(float value) {
  return (std::bit_cast<std::uint32_t>(value) & 0x7F800000u) != 0x7F800000u;
}

// `draws` are ignored where rounding is to nearest.
__device__ __forceinline__ bf16 rounded(float value, bool stochastic, std::uint32_t draw) {
  return stochastic ? rounded_stochastically(value, draw) : bf16(value);
}

// A block whose elements are all there, in tensors that are aligned.
template <typename T, typename Gradient>
__device__ __forceinline__ void update_groups(const Arguments<T, Gradient>& x,
                                              const Entry<T, Gradient>& tensor,
                                              std::int64_t begin) {
  float weight[kGroups][kGroup], gradient[kGroups][kGroup];
  float first_moment[kGroups][kGroup], second_moment[kGroups][kGroup];
  OBVERSE_UNROLL
  for (int part = 0; part < kGroups; ++part) {
    const std::int64_t at = begin + (part * kThreads + thread_index().x) * kGroup;
    load_group(gradient[part], tensor.gradient, at);
    load_group(weight[part], tensor.weight, at);
    load_group(first_moment[part], tensor.first_moment, at);
    load_group(second_moment[part], tensor.second_moment, at);
  }
  const float clip_scale = x.clip_scale[0];
  if (!is_finite(clip_scale)) return;
  AdamWCoefficients<float> coefficients = x.coefficients;
  coefficients.step_size = x.step[0].step_size;
  coefficients.inverse_correction = x.step[0].inverse_correction;
  OBVERSE_UNROLL
  for (int part = 0; part < kGroups; ++part) {
    const std::int64_t at = begin + (part * kThreads + thread_index().x) * kGroup;
    OBVERSE_UNROLL
    for (int i = 0; i < kGroup; ++i) {
      weight[part][i] =
          adamw_element(weight[part][i], clip_scale * gradient[part][i], first_moment[part][i],
                        second_moment[part][i], coefficients, tensor.keep);
    }
    store_group(tensor.first_moment, at, first_moment[part]);
    store_group(tensor.second_moment, at, second_moment[part]);
    Span<bf16> destination = tensor.rounded_weight;
    if constexpr (std::is_same_v<T, bf16>) {
      destination = tensor.weight;
    } else {
      store_group(tensor.weight, at, weight[part]);
      if (destination.empty()) continue;
    }
    PhiloxBlock draws{};
    if (x.stochastic)
      draws = adamw_draws(x.seed, x.step[0].number, tensor.number, at / kAdamWDraws);
    Vector8<bf16> group;
    OBVERSE_UNROLL
    for (int i = 0; i < kGroup; ++i) {
      group[i] = rounded(weight[part][i], x.stochastic, draws[static_cast<std::size_t>(i)]);
    }
    store_8<CacheHint::streaming>(destination, at, group);
  }
}

// Any other block: neighbouring threads take neighbouring elements.
template <typename T, typename Gradient>
__device__ __forceinline__ void update_elements(const Arguments<T, Gradient>& x,
                                                const Entry<T, Gradient>& tensor,
                                                std::int64_t begin, std::int64_t end) {
  const float clip_scale = x.clip_scale[0];
  if (!is_finite(clip_scale)) return;
  AdamWCoefficients<float> coefficients = x.coefficients;
  coefficients.step_size = x.step[0].step_size;
  coefficients.inverse_correction = x.step[0].inverse_correction;
  OBVERSE_NO_UNROLL
  for (std::int64_t at = begin + thread_index().x; at < end; at += kThreads) {
    float first_moment = tensor.first_moment[at], second_moment = tensor.second_moment[at];
    const float weight = adamw_element(static_cast<float>(tensor.weight[at]),
                                       clip_scale * static_cast<float>(tensor.gradient[at]),
                                       first_moment, second_moment, coefficients, tensor.keep);
    tensor.first_moment[at] = first_moment;
    tensor.second_moment[at] = second_moment;
    Span<bf16> destination = tensor.rounded_weight;
    if constexpr (std::is_same_v<T, bf16>) {
      destination = tensor.weight;
    } else {
      tensor.weight[at] = weight;
      if (destination.empty()) continue;
    }
    std::uint32_t draw = 0;
    if (x.stochastic) {
      const PhiloxBlock draws =
          adamw_draws(x.seed, x.step[0].number, tensor.number, at / kAdamWDraws);
      // No register can be indexed: the fourth is chosen by comparison.
      draw = at % 4 < 2 ? (at % 4 == 0 ? draws[0] : draws[1]) : (at % 4 == 2 ? draws[2] : draws[3]);
    }
    destination[at] = rounded(weight, x.stochastic, draw);
  }
}

// Four blocks at once leave a thread 64 registers, which is what the loads of two groups need.
template <typename T, typename Gradient>
__global__ void __launch_bounds__(kThreads, 4) update(Arguments<T, Gradient> x) {
  const int block = block_index().x;
  const Entry<T, Gradient> tensor = x.table[entry_of_block(x.table, block)];
  const std::int64_t begin = std::int64_t{block - tensor.first_block} * kBlockElements;
  const std::int64_t end = begin + kBlockElements;
  if (tensor.aligned && end <= tensor.weight.size()) {
    update_groups(x, tensor, begin);
  } else {
    update_elements(x, tensor, begin, end < tensor.weight.size() ? end : tensor.weight.size());
  }
}

template <typename T, typename Gradient>
std::vector<Entry<T, Gradient>> table_of(const AdamW<T, Gradient>& x) {
  std::vector<Entry<T, Gradient>> table;
  std::int64_t blocks = 0;
  for (std::int64_t number = 0; number < x.tensors.size(); ++number) {
    const AdamWTensor<T, Gradient>& tensor = x.tensors[number];
    if (tensor.weight.empty()) continue;
    const bool aligned = is_aligned_16(tensor.weight, 0) && is_aligned_16(tensor.gradient, 0) &&
                         is_aligned_16(tensor.first_moment, 0) &&
                         is_aligned_16(tensor.second_moment, 0) &&
                         is_aligned_16(tensor.rounded_weight, 0);
    table.push_back({tensor.weight, tensor.gradient, tensor.first_moment, tensor.second_moment,
                     tensor.rounded_weight, 0.0f, static_cast<std::int32_t>(blocks),
                     static_cast<std::uint32_t>(number), aligned});
    blocks += quotient_up(tensor.weight.size(), kBlockElements);
    require(blocks <= std::numeric_limits<std::int32_t>::max(), "[adamw] expected at most ",
            std::int64_t{std::numeric_limits<std::int32_t>::max()} * kBlockElements,
            " elements in all, got more");
  }
  return table;
}

}  // namespace

template <typename T, typename Gradient>
void adamw(const AdamW<T, Gradient>& x, Stream& stream) {
  using Part = TablePart<T, Gradient>;
  adamw_check(x);
  const std::vector<Entry<T, Gradient>> table = table_of(x);
  if (table.empty()) return;
  const auto count = static_cast<std::int64_t>(table.size());
  // Later work of the stream may get this memory from its cache again, but only after the update.
  const DeviceArray<Entry<T, Gradient>> on_device(stream, count);
  const DeviceArray<Step> step(stream, 1);
  const AdamWConstants constants{x.beta_1, x.beta_2, x.epsilon};
  const AdamWSchedule schedule{x.learning_rate, x.step};
  launch(stream, {.kernel = "adamw step", .grid = {1}, .block = {kWarpSize}}, &prepare_step,
         constants, schedule, x.schedule, step.span());
  for (std::int64_t begin = 0; begin < count; begin += Part::kCount) {
    const std::int64_t size = std::min<std::int64_t>(Part::kCount, count - begin);
    Part part{};
    for (std::int64_t i = 0; i < size; ++i) {
      part.entries[i] = table[static_cast<std::size_t>(begin + i)];
      part.weight_decay[i] = x.tensors[part.entries[i].number].weight_decay;
    }
    part.destination = on_device.span().subspan(begin, size);
    launch(stream, {.kernel = "adamw table", .grid = {1}, .block = {kWarpSize}},
           &write_table<T, Gradient>, part, step.span());
  }
  const Entry<T, Gradient>& last = table.back();
  const std::int64_t blocks = last.first_block + quotient_up(last.weight.size(), kBlockElements);
  launch(stream, {.kernel = "adamw", .grid = {static_cast<unsigned>(blocks)}, .block = {kThreads}},
         &update<T, Gradient>,
         Arguments<T, Gradient>{on_device.span(), x.clip_scale, step.span(),
                                adamw_coefficients<float>(constants, schedule),
                                x.rounding == Rounding::stochastic, x.seed});
}

template void adamw(const AdamW<float>&, Stream&);
template void adamw(const AdamW<float, bf16>&, Stream&);
template void adamw(const AdamW<bf16>&, Stream&);
template void adamw(const AdamW<bf16, float>&, Stream&);

}  // namespace obverse::kernels::cuda
