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
  // Empty where the inputs are one document; else as many as inputs: for each, the place where its
  // document starts. Attention does not look before it.
  std::vector<std::int32_t> first_keys;

  void clear() {
    inputs.clear();
    targets.clear();
    prefix = 0;
    weight = 1.0f;
    first_keys.clear();
  }
};

struct Batch {
  Tensor ids;         // [batch, sequence] i32, padded with kPadding
  Tensor targets;     // [batch, sequence] i32, padded with kIgnoredTarget
  Tensor lengths;     // [batch] i32, undefined where all sequences are full
  Tensor prefixes;    // [batch] i32
  Tensor first_keys;  // [batch, sequence] i32, undefined where every sequence is one document
  Tensor weights;     // like targets, of accumulator_of() the model's type; undefined where all
                      // examples weigh 1
  std::int64_t tokens = 0;        // inputs that are not padding
  std::int64_t target_count = 0;  // targets that count
};

// Where a batch's arrays lie in one array of 32-bit words, so that one copy brings all of them to a
// device. Equal layouts have equal shapes.
struct BatchLayout {
  std::int64_t rows = 0, sequence = 0;
  bool padded = false;    // lengths are there
  bool weighted = false;  // weights are there
  bool packed = false;    // first_keys are there

  std::int64_t words() const;
  bool operator<(const BatchLayout& other) const;
};

// For `count` examples from `first` on, padded to the longest of them. REQUIRES: count > 0, no
// example is empty, and first_keys are as many as inputs or none.
BatchLayout batch_layout(const std::vector<Example>& examples, std::size_t first,
                         std::size_t count);
// Writes the layout's words. REQUIRES: the layout is at least as long as any of the examples; their
// first_keys never fall, and none is behind its own place.
void write_batch(const BatchLayout& layout, const std::vector<Example>& examples, std::size_t first,
                 std::int32_t* words);
// The arrays in words [layout.words()] i32, without their counts; weights in f32.
Batch batch_in(const Tensor& words, const BatchLayout& layout);

// Pads `count` examples from `first` on to the longest of them. `dtype` is the model's. REQUIRES:
// count > 0, no example is empty.
Batch make_batch(const Device& device, const std::vector<Example>& examples, std::size_t first,
                 std::size_t count, DType dtype = DType::f32);

// How much all targets of `examples` weigh together.
double total_weight(const std::vector<Example>& examples);
// What a step's loss is divided by: that, or 1 where nothing is asked, so that loss and gradient
// are 0. Masks can leave a batch without a target.
double loss_normalizer(const std::vector<Example>& examples);

// Inputs of `count` examples from `first` on.
std::int64_t token_count(const std::vector<Example>& examples, std::size_t first,
                         std::size_t count);

}  // namespace obverse::engine
