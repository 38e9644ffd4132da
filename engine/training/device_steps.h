// Training steps on a CUDA device, without a wait between them: the next step's input is staged
// from pinned memory on a stream of its own while the last step runs, and a step of a shape that
// was seen before is one CUDA graph, from forward to AdamW.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "engine/data/batch.h"
#include "engine/model/transformer.h"
#include "engine/training/optimizer.h"

namespace obverse::engine {

// Sequences are padded to multiples of eight tokens, so that few shapes serve all steps. That
// changes nothing but which elements dropout drops, since they are counted with the padding.
class DeviceSteps {
 public:
  struct Settings {
    std::int64_t micro_batches = 1;  // what a step's examples are cut into
    Recompute recompute = Recompute::none;
    bool graphs = true;
    std::uint64_t seed = 0;
  };
  struct Result {
    double loss = 0.0, gradient_norm = 0.0;
  };

  // REQUIRES: all arguments outlive this; the model is on a CUDA device.
  DeviceSteps(const Transformer& model, Optimizer& optimizer, Tape& tape, const Settings& settings);
  ~DeviceSteps();

  // Gives the device a step's work and returns. Behind a step whose loss or gradient norm is not
  // finite no step changes the weights. At most kMostBegun steps may be begun and not ended.
  // Throws std::invalid_argument where an example holds an id that the vocabulary has not.
  void begin(const std::vector<Example>& examples, std::int64_t step, double learning_rate);
  static constexpr int kMostBegun = 2;
  // Waits for the oldest step begun.
  Result end();
  // Forward and backward on these examples, and nothing of them is kept: so that the memory is
  // there, or is found to be missing.
  void rehearse(const std::vector<Example>& examples);

 private:
  struct Machinery;  // streams, events, pinned memory and graphs
  struct Scalars;

  BatchLayout layout_of(const std::vector<Example>& examples) const;
  void stage(const std::vector<Example>& examples, const BatchLayout& layout,
             const Scalars& scalars);
  Tensor run_micro_batches(const BatchLayout& layout);
  void run_step(const BatchLayout& layout);

  const Transformer& model_;
  Optimizer& optimizer_;
  Tape& tape_;
  Settings settings_;
  std::int64_t capacity_ = 0;  // words of a step's inputs
  Tensor inputs_;              // [capacity] i32: scalars, then the micro-batches
  Tensor losses_;              // [micro_batches] f32
  Tensor results_;             // [2] f32: loss, gradient norm
  Tensor healthy_;             // [1] f32: 1, and NaN behind a step that was not finite
  std::unique_ptr<Machinery> machinery_;
  std::int64_t begun_ = 0, ended_ = 0;
};

}  // namespace obverse::engine
