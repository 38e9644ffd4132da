#include "engine/model/transformer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/ops/activation.h"
#include "engine/ops/attention.h"
#include "engine/ops/dropout.h"
#include "engine/ops/embedding.h"
#include "engine/ops/layer_norm.h"
#include "engine/ops/matmul.h"
#include "engine/ops/rms_norm.h"
#include "engine/ops/rotary.h"
#include "kernels/core/random.h"

namespace obverse::engine {

namespace words {
NLOHMANN_JSON_SERIALIZE_ENUM(Recompute, {{Recompute::none, "none"}, {Recompute::blocks, "blocks"}})
}  // namespace words

void to_json(nlohmann::json& json, const Recompute& recompute) { words::to_json(json, recompute); }
void from_json(const nlohmann::json& json, Recompute& recompute) {
  words::from_json(json, recompute);
}

namespace {

constexpr double kDeviation = 0.02;

// Outlives every tape, which may run a block again in backward.
const ForwardHooks kNoHooks;

enum class Initial { zero, one, normal, residual };

void write_rounded(const std::vector<double>& values, const Tensor& to) {
  with_float_type(to.dtype(), [&]<typename T>(T) {
    std::vector<T> rounded;
    rounded.reserve(values.size());
    for (const double value : values) rounded.push_back(static_cast<T>(value));
    to.write(rounded.data());
  });
}

}  // namespace

// Calls make(variable, name, shape, initial values) for every parameter in order: once to count
// elements, once to place them, so that one list decides names, sizes and order.
template <typename Make>
void Transformer::describe(const Make& make) {
  const TransformerConfig& c = config_;
  const std::int64_t width = c.width;
  const auto make_bias = [&](Variable& variable, const std::string& name, std::int64_t size) {
    if (c.biases) make(variable, name + ".bias", Shape{size}, Initial::zero);
  };
  const auto make_norm = [&](Norm& norm, const std::string& name) {
    make(norm.gain, name + ".gain", Shape{width}, Initial::one);
    if (c.norm == NormKind::layer) make_bias(norm.bias, name, width);
  };
  make(token_table_, "token_embedding.weight", Shape{c.vocabulary, width}, Initial::normal);
  if (c.position == PositionKind::learned) {
    make(position_table_, "position_embedding.weight", Shape{c.context, width}, Initial::normal);
  }
  const std::int64_t packed = (c.heads + 2 * c.key_value_heads) * c.head_size();
  const std::int64_t up = c.feed_forward == FeedForwardKind::swiglu ? 2 * c.hidden : c.hidden;
  for (std::int64_t i = 0; i < c.layers; ++i) {
    Block& block = blocks_[static_cast<std::size_t>(i)];
    const std::string prefix = "blocks." + std::to_string(i) + ".";
    make_norm(block.attention_norm, prefix + "attention_norm");
    make(block.packed_weight, prefix + "attention.packed.weight", Shape{packed, width},
         Initial::normal);
    make_bias(block.packed_bias, prefix + "attention.packed", packed);
    if (c.query_key_norm) {
      make(block.query_gain, prefix + "attention.query_norm.gain", Shape{c.head_size()},
           Initial::one);
      make(block.key_gain, prefix + "attention.key_norm.gain", Shape{c.head_size()}, Initial::one);
    }
    make(block.projection_weight, prefix + "attention.projection.weight", Shape{width, width},
         Initial::residual);
    make_bias(block.projection_bias, prefix + "attention.projection", width);
    make_norm(block.feed_forward_norm, prefix + "feed_forward_norm");
    make(block.up_weight, prefix + "feed_forward.up.weight", Shape{up, width}, Initial::normal);
    make_bias(block.up_bias, prefix + "feed_forward.up", up);
    make(block.down_weight, prefix + "feed_forward.down.weight", Shape{width, c.hidden},
         Initial::residual);
    make_bias(block.down_bias, prefix + "feed_forward.down", width);
  }
  make_norm(outer_norm_, "outer_norm");
  if (!c.tied_embeddings) {
    make(head_weight_, "head.weight", Shape{c.vocabulary, width}, Initial::normal);
  }
}

Transformer::Transformer(const TransformerConfig& config, const Device& device, std::uint64_t seed,
                         DType dtype)
    : config_((config.validate(), config.resolved())), device_(device), dtype_(dtype) {
  blocks_.resize(static_cast<std::size_t>(config_.layers));
  std::int64_t elements = 0;
  describe([&](Variable&, const std::string&, const Shape& shape, Initial) {
    elements += shape.elements();
  });
  weights_ = Tensor::empty(device, {elements}, dtype, MemoryCategory::weights);
  const DType master = accumulator_of(dtype);
  masters_ = master == dtype ? weights_
                             : Tensor::empty(device, {elements}, master, MemoryCategory::weights);
  gradients_ = Tensor::zeros(device, {elements}, master, MemoryCategory::gradients);
  std::int64_t offset = 0;
  describe([&](Variable& variable, const std::string& name, const Shape& shape, Initial initial) {
    variable = Variable::parameter(weights_.part(offset, shape), gradients_.part(offset, shape));
    const kernels::RandomKey key{seed, kernels::Purpose::initialisation, parameters_.size()};
    const double deviation = initial == Initial::residual
                                 ? kDeviation / std::sqrt(2.0 * static_cast<double>(config_.layers))
                                 : kDeviation;
    std::vector<double> values(static_cast<std::size_t>(shape.elements()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = initial == Initial::zero  ? 0.0
                  : initial == Initial::one ? 1.0
                                            : deviation * kernels::normal(key, i);
    }
    write_rounded(values, masters_.part(offset, shape));
    if (dtype != master) write_rounded(values, variable.data());
    parameters_.push_back({name, variable, shape.dimensions() > 1});
    offset += shape.elements();
  });
  if (config_.position == PositionKind::alibi) {
    slopes_ = alibi_slopes(device, config_.heads, dtype);
  }
}

Variable Transformer::normalize(Tape& tape, const Variable& input, const Norm& norm) const {
  return config_.norm == NormKind::layer
             ? layer_norm(tape, input, norm.gain, norm.bias, config_.norm_epsilon)
             : rms_norm(tape, input, norm.gain, config_.norm_epsilon);
}

// residual + dropout(input * weight^T + bias): one matmul epilogue where nothing is dropped. Adding
// the residual in the next norm instead, as its kernel can, would write and read the product once
// more.
Variable Transformer::onto_residual(Tape& tape, const Variable& input, const Variable& weight,
                                    const Variable& bias, const Variable& residual) const {
  if (config_.dropout == 0.0) {
    return linear(tape, input, weight, {.bias = &bias, .residual = &residual});
  }
  return dropout(tape, linear(tape, input, weight, {.bias = &bias}), residual, config_.dropout);
}

Variable Transformer::attend(Tape& tape, const Block& block, const Variable& input,
                             const Variable& residual, const ModelInput& model_input) const {
  const TransformerConfig& c = config_;
  Variable packed = linear(tape, input, block.packed_weight, {.bias = &block.packed_bias});
  if (c.query_key_norm) {
    packed = query_key_norm(tape, packed, block.query_gain, block.key_gain, c.heads,
                            c.key_value_heads, c.norm_epsilon);
  }
  if (c.position == PositionKind::rotary) {
    packed = rotary(tape, packed, c.heads + c.key_value_heads, c.head_size(), c.rotary_base,
                    Tensor(), c.rotary_scaling());
  }
  const Variable mixed = attention(tape, packed,
                                   {.heads = c.heads,
                                    .key_value_heads = c.key_value_heads,
                                    .mask = c.mask,
                                    .lengths = model_input.lengths,
                                    .prefixes = model_input.prefixes,
                                    .first_keys = model_input.first_keys,
                                    .slopes = slopes_});
  return onto_residual(tape, mixed, block.projection_weight, block.projection_bias, residual);
}

Variable Transformer::feed_forward(Tape& tape, std::int64_t layer, const Variable& input,
                                   const Variable& residual, const ForwardHooks& hooks) const {
  const Block& block = blocks_[static_cast<std::size_t>(layer)];
  LinearOptions up{.bias = &block.up_bias};
  Variable hidden;
  if (config_.feed_forward == FeedForwardKind::swiglu) {
    hidden = swiglu(tape, linear(tape, input, block.up_weight, up));
  } else {
    up.activation = config_.feed_forward == FeedForwardKind::gelu ? kernels::ActivationKind::gelu
                                                                  : kernels::ActivationKind::relu2;
    hidden = linear(tape, input, block.up_weight, up);
  }
  if (hooks.feed_forward) hooks.feed_forward(layer, hidden);
  Variable stream = onto_residual(tape, hidden, block.down_weight, block.down_bias, residual);
  return hooks.stream ? hooks.stream(tape, layer, stream) : stream;
}

Variable Transformer::run_block(Tape& tape, std::int64_t layer, const Variable& input,
                                const ModelInput& model_input, const ForwardHooks& hooks) const {
  const Block& block = blocks_[static_cast<std::size_t>(layer)];
  Variable x = input;
  if (config_.norm_placement == NormPlacement::pre) {
    x = attend(tape, block, normalize(tape, x, block.attention_norm), x, model_input);
    return feed_forward(tape, layer, normalize(tape, x, block.feed_forward_norm), x, hooks);
  }
  x = normalize(tape, attend(tape, block, x, x, model_input), block.attention_norm);
  return normalize(tape, feed_forward(tape, layer, x, x, hooks), block.feed_forward_norm);
}

Variable Transformer::hidden(Tape& tape, const ModelInput& input, Recompute recompute) const {
  return hidden(tape, input, recompute, kNoHooks);
}

Variable Transformer::hidden(Tape& tape, const ModelInput& input, Recompute recompute,
                             const ForwardHooks& hooks) const {
  require(input.ids.shape().dimensions() == 2 && input.ids.size(1) <= config_.context,
          "[transformer] expected ids [batch, sequence] of at most the context of ",
          config_.context, " tokens, got ", input.ids.shape());
  const bool pre = config_.norm_placement == NormPlacement::pre;
  Variable x = embedding(tape, input.ids, token_table_, position_table_);
  if (config_.dropout > 0.0) x = dropout(tape, x, Variable(), config_.dropout);
  if (!pre) x = normalize(tape, x, outer_norm_);
  if (hooks.stream) x = hooks.stream(tape, -1, x);
  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    const auto body = [this, layer, input, &hooks](Tape& on, const Variable& from) {
      return run_block(on, layer, from, input, hooks);
    };
    x = recompute == Recompute::blocks ? tape.recompute(x, body) : body(tape, x);
  }
  return pre ? normalize(tape, x, outer_norm_) : x;
}

Variable Transformer::logits_of(Tape& tape, const Variable& hidden) const {
  const Variable& head = config_.tied_embeddings ? token_table_ : head_weight_;
  return tape.recording() ? linear(tape, hidden, head)
                          : Variable(linear_unrounded(hidden.data(), head.data()));
}

Variable Transformer::logits(Tape& tape, const ModelInput& input, Recompute recompute) const {
  return logits_of(tape, hidden(tape, input, recompute));
}

Variable Transformer::logits(Tape& tape, const ModelInput& input, const ForwardHooks& hooks) const {
  return logits_of(tape, hidden(tape, input, Recompute::none, hooks));
}

}  // namespace obverse::engine
