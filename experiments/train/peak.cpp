#include "experiments/train/peak.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"

namespace obverse::train {

double measured_peak(const engine::Device& device, engine::DType dtype) {
  using Clock = std::chrono::steady_clock;
  // Larger ones until all of the machine is at work for long enough to be timed: 1024 on a few
  // cores, 8192 on a GPU.
  constexpr std::int64_t kLeast = 64, kMost = 8192;
  constexpr double kLong = 5e-3;  // seconds
  constexpr int kTries = 5;
  double best = 0.0;
  bool is_long = false;
  for (std::int64_t size = kLeast; size <= kMost && !is_long; size *= 2) {
    engine::Tape tape(device, engine::Tape::Mode::inference);
    const auto filled = [&](double value) {
      engine::Tensor tensor =
          engine::Tensor::zeros(device, {size, size}, dtype, engine::MemoryCategory::activations);
      // Zeros draw less power than numbers do, and a GPU clocks by power.
      engine::fill(tensor, value);
      return engine::Variable(tensor);
    };
    const engine::Variable input = filled(0.7), weight = filled(-0.3);
    double least = std::numeric_limits<double>::infinity(), spent = 0.0;
    constexpr double kEnough = 0.1;
    for (int i = 0; i < kTries && spent < kEnough; ++i) {
      device.synchronize();
      const auto begin = Clock::now();
      engine::linear(tape, input, weight);
      device.synchronize();
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      spent += seconds;
      least = std::min(least, seconds);
    }
    best = std::max(best, 2.0 * std::pow(static_cast<double>(size), 3) / least);
    is_long = least > kLong;
  }
  return best;
}

}  // namespace obverse::train
