#include "engine/training/optimizer.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduction.h"

namespace obverse::engine {

Optimizer::Optimizer(const Transformer& model, const OptimizerOptions& options)
    : model_(model), options_(options), gradients_{model.gradients()} {
  const Shape all = model.weights().shape();
  const Tensor& masters = model.master_weights();
  const bool rounds = masters.dtype() != model.dtype();
  first_moments_ = Tensor::zeros(model.device(), all, masters.dtype(), MemoryCategory::optimizer);
  second_moments_ = Tensor::zeros(model.device(), all, masters.dtype(), MemoryCategory::optimizer);
  std::int64_t offset = 0;
  for (const Parameter& parameter : model.parameters()) {
    const Shape& shape = parameter.variable.shape();
    parameters_.push_back({.weight = masters.part(offset, shape),
                           .gradient = parameter.variable.gradient(),
                           .first_moment = first_moments_.part(offset, shape),
                           .second_moment = second_moments_.part(offset, shape),
                           .rounded_weight = rounds ? parameter.variable.data() : Tensor(),
                           .weight_decay = parameter.decays ? options.weight_decay : 0.0});
    offset += shape.elements();
  }
}

double Optimizer::update(double learning_rate, std::int64_t step) {
  const NormAndScale found = gradient_norm(gradients_, options_.clip_norm);
  const double norm = found.norm.item();
  if (!std::isfinite(norm)) return norm;
  adamw_update(parameters_, {options_.beta_1, options_.beta_2, options_.epsilon},
               {.learning_rate = learning_rate, .step = step}, found.clip_scale);
  return norm;
}

NormAndScale Optimizer::update(const Tensor& step, const Tensor& loss) {
  NormAndScale found = gradient_norm(gradients_, options_.clip_norm, loss);
  adamw_update(parameters_, {options_.beta_1, options_.beta_2, options_.epsilon},
               {.in_memory = step}, found.clip_scale);
  return found;
}

void Optimizer::zero_gradients() { fill(model_.gradients(), 0.0); }

}  // namespace obverse::engine
