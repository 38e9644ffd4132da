// Training examples as a model takes them, gathered on the host and copied to a device as one
// batch.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor/tensor.h"

namespace obverse::engine {

// One sequence: what the model reads, and at each place what it is to answer (kIgnoredTarget where
// nothing).
struct Example {
  std::vector<std::int32_t> inputs;
  std::vector<std::int32_t> targets;  // as many as inputs
  std::int32_t prefix = 0;            // tokens that see each other both ways, for the prefix mask
  float weight = 1.0f;                // of each of its targets in the loss, a weighted mean

  void clear() {
    inputs.clear();
    targets.clear();
    prefix = 0;
    weight = 1.0f;
  }
};

struct Batch {
  Tensor ids;       // [batch, sequence] i32, padded with kPadding
  Tensor targets;   // [batch, sequence] i32, padded with kIgnoredTarget
  Tensor lengths;   // [batch] i32, undefined where all sequences are full
  Tensor prefixes;  // [batch] i32
  Tensor weights;   // like targets, of the model's type; undefined where all examples weigh 1
  std::int64_t tokens = 0;        // inputs that are not padding
  std::int64_t target_count = 0;  // targets that count
};

// Pads `count` examples from `first` on to the longest of them. `dtype` is the model's. REQUIRES:
// count > 0, no example is empty.
Batch make_batch(const Device& device, const std::vector<Example>& examples, std::size_t first,
                 std::size_t count, DType dtype = DType::f32);

// How much all targets of `examples` weigh together: what a step's loss is divided by.
double total_weight(const std::vector<Example>& examples);

}  // namespace obverse::engine
