// A transformer of any TransformerConfig: its parameters, and forward to logits.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/model/transformer_config.h"

namespace obverse::engine {

// What a forward pass reads. Sequences shorter than the longest are padded behind their ends.
struct ModelInput {
  Tensor ids;       // [batch, sequence] i32
  Tensor lengths;   // [batch] i32 in tokens, or undefined: all full
  Tensor prefixes;  // [batch] i32 in tokens; REQUIRES: defined where the config's mask is prefix
  // [batch, sequence] i32, or undefined: where the document of each token starts in its sequence.
  // Attention does not look before it, so that a sequence packed from documents gives what they
  // give alone; but learned positions count on through the sequence. REQUIRES: the config's mask is
  // causal.
  Tensor first_keys;
};

// Looks into a forward pass, and may change it. Layers are numbered from 0.
struct ForwardHooks {
  // What enters a block's last matrix, which writes it to the residual stream:
  // [batch, sequence, hidden].
  std::function<void(std::int64_t layer, const Variable& key)> feed_forward;
  // The residual stream behind a block, where norms are post before the last of them, and with -1
  // for the layer what enters the first block: [batch, sequence, width]. The pass goes on with what
  // it returns.
  std::function<Variable(Tape& tape, std::int64_t layer, const Variable& stream)> stream;
};

struct Parameter {
  std::string name;  // e.g. "blocks.0.attention.projection.weight"
  Variable variable;
  bool decays = false;  // matrices and embeddings do, biases and gains do not
};

// What backward keeps of forward: everything that it reads, or only what enters each block, which
// is then run again. The gradients have the same bits.
enum class Recompute { none, blocks };
void to_json(nlohmann::json& json, const Recompute& recompute);
void from_json(const nlohmann::json& json, Recompute& recompute);

class DecodingCache;

class Transformer {
 public:
  // Initialises as GPT-2 does (Radford et al. 2019): weights from N(0, 0.02), those that write to
  // the residual stream divided by sqrt(2 * layers), biases 0, gains 1. The draws depend on `seed`
  // and each parameter's place alone. With bf16, which only CUDA takes, weights are kept in f32 and
  // rounded for the products, and gradients are summed in f32. Throws std::invalid_argument where
  // the config is not valid.
  Transformer(const TransformerConfig& config, const Device& device, std::uint64_t seed,
              DType dtype = DType::f32);

  const TransformerConfig& config() const { return config_; }
  const Device& device() const { return device_; }
  DType dtype() const { return dtype_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  std::int64_t parameter_count() const { return weights_.elements(); }

  // All weights and all gradients, each one array in the order of parameters().
  const Tensor& weights() const { return weights_; }
  const Tensor& gradients() const { return gradients_; }
  // What the optimizer updates: f32 where weights() are bf16, else weights() themselves.
  const Tensor& master_weights() const { return masters_; }

  // The residual stream behind the last norm: [batch, sequence, width].
  // Throws std::invalid_argument where the sequence is longer than the context.
  Variable hidden(Tape& tape, const ModelInput& input, Recompute recompute = Recompute::none) const;
  // [batch, sequence, vocabulary]; where nothing is recorded, of accumulator_of() the model's type.
  Variable logits(Tape& tape, const ModelInput& input, Recompute recompute = Recompute::none) const;
  Variable logits(Tape& tape, const ModelInput& input, const ForwardHooks& hooks) const;

  // What follows each row's text: reads ids [rows, added] i32 behind what the cache holds, and adds
  // them to it. -> [rows, vocabulary] of accumulator_of() the model's type, the logits behind each
  // row's last token. Of a row only the first counts[row] tokens are its own (all where `counts` is
  // empty), the rest is padding; a row that has none keeps what it holds and gives logits of no
  // meaning. Under the prefix mask what fills an empty row is its prefix. Throws
  // std::invalid_argument where the cache has no room for `added` tokens in a row that has some,
  // and where a prefix-masked model's rows do not begin together. (decoding_cache.h)
  Tensor next_logits(const Tensor& ids, DecodingCache& cache,
                     const std::vector<std::int32_t>& counts = {}) const;

 private:
  struct CachedPass;
  struct Norm {
    Variable gain, bias;
  };
  struct Block {
    Norm attention_norm, feed_forward_norm;
    Variable packed_weight, packed_bias, query_gain, key_gain;
    Variable projection_weight, projection_bias;
    Variable up_weight, up_bias, down_weight, down_bias;
  };
  template <typename Make>
  void describe(const Make& make);

  Variable hidden(Tape& tape, const ModelInput& input, Recompute recompute,
                  const ForwardHooks& hooks) const;
  Variable logits_of(Tape& tape, const Variable& hidden) const;
  Variable run_block(Tape& tape, std::int64_t layer, const Variable& input,
                     const ModelInput& model_input, const ForwardHooks& hooks) const;
  Variable normalize(Tape& tape, const Variable& input, const Norm& norm) const;
  Variable attend(Tape& tape, const Block& block, const Variable& input, const Variable& residual,
                  const ModelInput& model_input) const;
  Variable feed_forward(Tape& tape, std::int64_t layer, const Variable& input,
                        const Variable& residual, const ForwardHooks& hooks) const;
  Variable onto_residual(Tape& tape, const Variable& input, const Variable& weight,
                         const Variable& bias, const Variable& residual) const;

  Variable attend_cached(Tape& tape, std::int64_t layer, const Variable& input,
                         const Variable& residual, const CachedPass& pass) const;
  Variable run_cached_block(Tape& tape, std::int64_t layer, const Variable& input,
                            const CachedPass& pass) const;

  TransformerConfig config_;
  Device device_;
  DType dtype_;
  std::vector<Parameter> parameters_;
  Tensor weights_, masters_, gradients_, slopes_;
  Variable token_table_, position_table_, head_weight_;
  Norm outer_norm_;  // behind the last block where norms are pre, behind the embedding where they
                     // are post
  std::vector<Block> blocks_;
};

}  // namespace obverse::engine
