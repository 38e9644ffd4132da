// What `obverse-bench training` is asked to do.
#pragma once

#include <cstdint>
#include <string>

#include "engine/model/transformer.h"

namespace obverse::bench {

struct TrainingBenchOptions {
  engine::TransformerConfig config;  // with context and mask; valid, and trainable on the device
  std::string objective;
  std::int64_t batch = 0, sequence = 0, accumulation = 1;
  std::int64_t warmup = 0, steps = 0;
  std::int64_t breakdown = 0;  // steps whose kernels are timed
  int threads = 1;
  engine::DeviceKind device = engine::DeviceKind::cpu;
  engine::DType dtype = engine::DType::f32;
  engine::MatmulChoice matmul = engine::MatmulChoice::own;
  engine::Recompute recompute = engine::Recompute::none;
  bool graphs = true;
  std::string json;
  bool help = false;
  std::string help_text;
};

// Throws std::exception whose message says what is wrong. argv[0] is the program's name, argv[1]
// the first option.
TrainingBenchOptions parse_training_options(int argc, const char* const* argv);

}  // namespace obverse::bench
