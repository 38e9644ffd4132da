// The whole model's gradient in double, for a table of configs that covers every switch.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/model/transformer.h"
#include "engine/ops/cross_entropy.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/support/catch.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_values.h"

namespace obverse::tests {
namespace {

using engine::Device;
using engine::DType;
using engine::FeedForwardKind;
using engine::MaskKind;
using engine::NormKind;
using engine::NormPlacement;
using engine::PositionKind;
using engine::Tape;
using engine::Tensor;
using engine::Transformer;
using engine::TransformerConfig;

TransformerConfig small() {
  TransformerConfig config;
  config.layers = 2;
  config.width = 8;
  config.heads = 2;
  config.hidden = 12;
  config.vocabulary = 11;
  config.context = 6;
  return config;
}

// Three sequences of 5, 3 and 4 tokens with some targets ignored and places weighted apart.
class Problem {
 public:
  explicit Problem(const TransformerConfig& config) : model_(config, device_, 1, DType::f64) {
    // As large as trained weights are: those of initialisation are so small that a step of 1e-3
    // would not be small beside them. Gains stay near 1.
    const auto noise = normal_values<double>(model_.parameter_count(), 1);
    const auto weights = model_.weights().span<double>();
    for (std::int64_t i = 0; i < weights.size(); ++i) {
      weights[i] = weights[i] + 0.3 * noise[static_cast<std::size_t>(i)];
    }
    if (config.feed_forward == FeedForwardKind::relu2) keep_from_kink();
    std::vector<std::int32_t> ids = random_ids(15, config.vocabulary, 2);
    std::vector<std::int32_t> targets = random_ids(15, config.vocabulary, 3);
    for (const std::size_t ignored : {1, 8, 9, 14}) targets[ignored] = kernels::kIgnoredTarget;
    std::vector<double> loss_weights(15, 1.0);
    loss_weights[3] = 0.25;
    input_ = {Tensor::from(device_, {3, 5}, ids),
              Tensor::from<std::int32_t>(device_, {3}, {5, 3, 4}), Tensor()};
    if (config.mask == MaskKind::prefix) {
      input_.prefixes = Tensor::from<std::int32_t>(device_, {3}, {2, 0, 4});
    }
    targets_ = Tensor::from(device_, {3, 5}, targets);
    weights_ = Tensor::from(device_, {3, 5}, loss_weights);
  }

  double loss(bool backward) {
    Tape tape(device_, Tape::Mode::training);
    tape.set_random(1, 1);
    const auto logits = model_.logits(tape, input_);
    const auto loss = cross_entropy(tape, logits, targets_, weights_, 10.25);
    if (backward) tape.backward(loss);
    return loss.data().item();
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

  const Transformer& model() const { return model_; }

 private:
  // The slope of max(x, 0)^2 bends at 0, where a difference is wrong. Inputs are normalized, so
  // that a bias of 5 is six deviations of the product away.
  void keep_from_kink() {
    for (const auto& parameter : model_.parameters()) {
      if (parameter.name.find("feed_forward.up.bias") == std::string::npos) continue;
      const auto bias = parameter.variable.data().span<double>();
      for (std::int64_t i = 0; i < bias.size(); ++i) bias[i] = i % 2 == 0 ? 5.0 : -5.0;
    }
  }

  Device device_ = Device::cpu();
  Transformer model_;
  engine::ModelInput input_;
  Tensor targets_, weights_;
};

struct Named {
  std::string name;
  std::function<void(TransformerConfig&)> change;
};

const std::vector<Named>& configs() {
  static const std::vector<Named> all = {
      {"GPT-2", [](TransformerConfig&) {}},
      {"rotary", [](TransformerConfig& c) { c.position = PositionKind::rotary; }},
      {"ALiBi", [](TransformerConfig& c) { c.position = PositionKind::alibi; }},
      {"no positions", [](TransformerConfig& c) { c.position = PositionKind::none; }},
      {"RMS norm", [](TransformerConfig& c) { c.norm = NormKind::rms; }},
      {"post-norm", [](TransformerConfig& c) { c.norm_placement = NormPlacement::post; }},
      {"swiglu", [](TransformerConfig& c) { c.feed_forward = FeedForwardKind::swiglu; }},
      {"relu2", [](TransformerConfig& c) { c.feed_forward = FeedForwardKind::relu2; }},
      {"bidirectional", [](TransformerConfig& c) { c.mask = MaskKind::bidirectional; }},
      {"prefix", [](TransformerConfig& c) { c.mask = MaskKind::prefix; }},
      {"untied", [](TransformerConfig& c) { c.tied_embeddings = false; }},
      {"no biases", [](TransformerConfig& c) { c.biases = false; }},
      {"QK norm", [](TransformerConfig& c) { c.query_key_norm = true; }},
      {"one key head", [](TransformerConfig& c) { c.key_value_heads = 1; }},
      {"dropout", [](TransformerConfig& c) { c.dropout = 0.3; }},
      {"Llama with QK norm",
       [](TransformerConfig& c) {
         c.heads = 4;
         c.key_value_heads = 2;
         c.position = PositionKind::rotary;
         c.norm = NormKind::rms;
         c.feed_forward = FeedForwardKind::swiglu;
         c.biases = false;
         c.query_key_norm = true;
         c.tied_embeddings = false;
       }},
      {"BERT with dropout",
       [](TransformerConfig& c) {
         c.norm_placement = NormPlacement::post;
         c.mask = MaskKind::bidirectional;
         c.dropout = 0.1;
       }},
      {"prefix with ALiBi and RMS post-norm",
       [](TransformerConfig& c) {
         c.position = PositionKind::alibi;
         c.norm = NormKind::rms;
         c.norm_placement = NormPlacement::post;
         c.mask = MaskKind::prefix;
       }},
  };
  return all;
}

TEST_CASE("a model's gradient equals central differences under every switch", "[transformer]") {
  for (const Named& named : configs()) {
    TransformerConfig config = small();
    named.change(config);
    Problem problem(config);
    problem.loss(true);
    const auto places = problem.chosen();
    const auto weights = problem.model().weights().span<double>();
    const auto gradients = problem.model().gradients().span<double>();
    std::vector<double> values, gradient;
    for (const std::int64_t place : places) {
      values.push_back(weights[place]);
      gradient.push_back(gradients[place]);
    }
    const auto loss = [&] {
      for (std::size_t i = 0; i < places.size(); ++i) weights[places[i]] = values[i];
      return problem.loss(false);
    };
    check_gradient(values, loss, gradient, named.name);
  }
}

TEST_CASE("a model's gradients add up over backwards", "[transformer]") {
  Problem problem(small());
  problem.loss(true);
  auto once = problem.model().gradients().to_vector<double>();
  problem.loss(true);
  for (double& value : once) value *= 2.0;
  check_close(problem.model().gradients().to_vector<double>(), once, 1e-14, 1.0, "twice");
}

}  // namespace
}  // namespace obverse::tests
