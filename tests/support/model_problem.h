// Small models of every kind, and a loss for them, on any device.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/model/transformer.h"
#include "engine/ops/cross_entropy.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/op_check.h"
#include "tests/support/random_values.h"

namespace obverse::tests {

inline engine::TransformerConfig tiny_model() {
  engine::TransformerConfig config;
  config.layers = 2;
  config.width = 8;
  config.heads = 2;
  config.hidden = 12;
  config.vocabulary = 11;
  config.context = 6;
  return config;
}

// Three sequences of 5, 3 and 4 tokens with some targets ignored and places weighted apart.
class ModelProblem {
 public:
  explicit ModelProblem(const engine::TransformerConfig& config,
                        const engine::Device& device = engine::Device::cpu(),
                        engine::DType dtype = engine::DType::f64)
      : device_(device), model_(config, device, 1, dtype) {
    using engine::Tensor;
    std::vector<std::int32_t> ids = random_ids(15, config.vocabulary, 2);
    std::vector<std::int32_t> targets = random_ids(15, config.vocabulary, 3);
    for (const std::size_t ignored : {1, 8, 9, 14}) targets[ignored] = kernels::kIgnoredTarget;
    std::vector<double> loss_weights(15, 1.0);
    loss_weights[3] = 0.25;
    input_ = {Tensor::from(device_, {3, 5}, ids),
              Tensor::from<std::int32_t>(device_, {3}, {5, 3, 4}), Tensor()};
    if (config.mask == engine::MaskKind::prefix) {
      input_.prefixes = Tensor::from<std::int32_t>(device_, {3}, {2, 0, 4});
    }
    targets_ = Tensor::from(device_, {3, 5}, targets);
    weights_ = tensor_in(device_, engine::accumulator_of(dtype), {3, 5}, loss_weights);
    set_weights(spread_weights());
  }

  double loss(bool backward, engine::Recompute recompute = engine::Recompute::none) {
    engine::Tape tape(device_, engine::Tape::Mode::training);
    tape.set_random(1, 1);
    const auto logits = model_.logits(tape, input_, recompute);
    const auto loss = cross_entropy(tape, logits, targets_, weights_, 10.25);
    if (backward) tape.backward(loss);
    return loss.data().item();
  }

  // Rounded to the model's type.
  void set_weights(const std::vector<double>& values) {
    const auto dtype = model_.dtype();
    model_.weights().copy_from(tensor_in(device_, dtype, model_.weights().shape(), values));
  }

  // Two different random places of every parameter: indices into all weights.
  std::vector<std::int64_t> chosen() const {
    std::vector<std::int64_t> places;
    std::int64_t offset = 0;
    std::uint64_t stream = 0;
    for (const auto& parameter : model_.parameters()) {
      const std::int64_t size = parameter.variable.data().elements();
      const std::int64_t first = random_ids(1, size, 10 + stream)[0];
      const std::int64_t further = 1 + random_ids(1, size - 1, 1000 + stream++)[0];
      places.push_back(offset + first);
      places.push_back(offset + (first + further) % size);
      offset += size;
    }
    return places;
  }

  const engine::Transformer& model() const { return model_; }

 private:
  // As large as trained weights are: those of initialisation are so small that a step of 1e-3 would
  // not be small beside them. Gains stay near 1.
  std::vector<double> spread_weights() const {
    std::vector<double> values = model_.weights().to_doubles();
    const auto noise = normal_values<double>(model_.parameter_count(), 1);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += 0.3 * noise[i];
    if (model_.config().feed_forward != engine::FeedForwardKind::relu2) return values;
    // The slope of max(x, 0)^2 bends at 0, where a difference is wrong. Inputs are normalized, so
    // that a bias of 5 is six deviations of the product away.
    std::size_t offset = 0;
    for (const auto& parameter : model_.parameters()) {
      const auto size = static_cast<std::size_t>(parameter.variable.data().elements());
      const bool bias = parameter.name.find("feed_forward.up.bias") != std::string::npos;
      for (std::size_t i = 0; bias && i < size; ++i) {
        values[offset + i] = i % 2 == 0 ? 5.0 : -5.0;
      }
      offset += size;
    }
    return values;
  }

  engine::Device device_;
  engine::Transformer model_;
  engine::ModelInput input_;
  engine::Tensor targets_, weights_;
};

struct NamedConfig {
  std::string name;
  std::function<void(engine::TransformerConfig&)> change;
};

// Every switch of the transformer, and the combinations that models of today are.
inline const std::vector<NamedConfig>& model_configs() {
  static const std::vector<NamedConfig> all = {
      {"GPT-2", [](engine::TransformerConfig&) {}},
      {"rotary", [](engine::TransformerConfig& c) { c.position = engine::PositionKind::rotary; }},
      {"ALiBi", [](engine::TransformerConfig& c) { c.position = engine::PositionKind::alibi; }},
      {"no positions",
       [](engine::TransformerConfig& c) { c.position = engine::PositionKind::none; }},
      {"RMS norm", [](engine::TransformerConfig& c) { c.norm = engine::NormKind::rms; }},
      {"post-norm",
       [](engine::TransformerConfig& c) { c.norm_placement = engine::NormPlacement::post; }},
      {"swiglu",
       [](engine::TransformerConfig& c) { c.feed_forward = engine::FeedForwardKind::swiglu; }},
      {"relu2",
       [](engine::TransformerConfig& c) { c.feed_forward = engine::FeedForwardKind::relu2; }},
      {"bidirectional",
       [](engine::TransformerConfig& c) { c.mask = engine::MaskKind::bidirectional; }},
      {"prefix", [](engine::TransformerConfig& c) { c.mask = engine::MaskKind::prefix; }},
      {"untied", [](engine::TransformerConfig& c) { c.tied_embeddings = false; }},
      {"no biases", [](engine::TransformerConfig& c) { c.biases = false; }},
      {"QK norm", [](engine::TransformerConfig& c) { c.query_key_norm = true; }},
      {"one key head", [](engine::TransformerConfig& c) { c.key_value_heads = 1; }},
      {"dropout", [](engine::TransformerConfig& c) { c.dropout = 0.3; }},
      {"Llama with QK norm",
       [](engine::TransformerConfig& c) {
         c.heads = 4;
         c.key_value_heads = 2;
         c.position = engine::PositionKind::rotary;
         c.norm = engine::NormKind::rms;
         c.feed_forward = engine::FeedForwardKind::swiglu;
         c.biases = false;
         c.query_key_norm = true;
         c.tied_embeddings = false;
       }},
      {"BERT with dropout",
       [](engine::TransformerConfig& c) {
         c.norm_placement = engine::NormPlacement::post;
         c.mask = engine::MaskKind::bidirectional;
         c.dropout = 0.1;
       }},
      {"prefix with ALiBi and RMS post-norm",
       [](engine::TransformerConfig& c) {
         c.position = engine::PositionKind::alibi;
         c.norm = engine::NormKind::rms;
         c.norm_placement = engine::NormPlacement::post;
         c.mask = engine::MaskKind::prefix;
       }},
  };
  return all;
}

}  // namespace obverse::tests
