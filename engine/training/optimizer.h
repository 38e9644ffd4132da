// AdamW over a model's parameters, with clipping by the global norm.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/transformer.h"
#include "engine/ops/adamw.h"
#include "engine/ops/reduction.h"

namespace obverse::engine {

struct OptimizerOptions {
  double beta_1 = 0.9, beta_2 = 0.95, epsilon = 1e-8;
  double weight_decay = 0.1;  // of matrices and embeddings
  double clip_norm = 1.0;     // 0: no clipping
};

class Optimizer {
 public:
  // REQUIRES: the model outlives the optimizer.
  Optimizer(const Transformer& model, const OptimizerOptions& options);

  // The gradients' norm before clipping; then one update, unless the norm is not finite. `step`
  // counts from 1.
  double update(double learning_rate, std::int64_t step);
  // The same without waiting for the device: step and rate are in its memory (engine/ops/adamw.h),
  // and nothing is updated where norm or `loss` [1] is not finite.
  NormAndScale update(const Tensor& step, const Tensor& loss);
  void zero_gradients();

  // [parameter_count], in the order of the model's parameters: what a resumed run goes on with.
  const Tensor& first_moments() const { return first_moments_; }
  const Tensor& second_moments() const { return second_moments_; }

 private:
  const Transformer& model_;
  OptimizerOptions options_;
  Tensor first_moments_, second_moments_;  // [parameter_count]
  std::vector<AdamWParameter> parameters_;
  std::vector<Tensor> gradients_;  // one: all of them
};

}  // namespace obverse::engine
