#include "experiments/train/peak.h"

#include <algorithm>
#include <chrono>

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"

namespace obverse::train {

double measured_peak(const engine::Device& device, engine::DType dtype) {
  using Clock = std::chrono::steady_clock;
  // Large enough for all of the machine, small enough to be over soon.
  const std::int64_t size = device.kind() == engine::DeviceKind::cuda ? 8192 : 1024;
  constexpr int kTries = 5;
  engine::Tape tape(device, engine::Tape::Mode::inference);
  const auto zeros = [&] {
    return engine::Variable(
        engine::Tensor::zeros(device, {size, size}, dtype, engine::MemoryCategory::activations));
  };
  const engine::Variable input = zeros(), weight = zeros();
  // Zeros draw less power than numbers do, and a GPU clocks by power.
  engine::fill(input.data(), 0.7);
  engine::fill(weight.data(), -0.3);
  double best = 0.0, spent = 0.0;
  constexpr double kEnough = 0.1;  // seconds
  for (int i = 0; i < kTries && spent < kEnough; ++i) {
    device.synchronize();
    const auto begin = Clock::now();
    engine::linear(tape, input, weight);
    device.synchronize();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    spent += seconds;
    const auto cubed = static_cast<double>(size) * static_cast<double>(size * size);
    best = std::max(best, 2.0 * cubed / seconds);
  }
  return best;
}

}  // namespace obverse::train
