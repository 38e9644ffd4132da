// Gaps of texts filled by models that read both ways: mask tokens are replaced, the most confident
// first (Ghazvininejad et al. 2019, "Mask-Predict", arXiv:1904.09324), by one pass of the model for
// each token, or for several at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/generation/sampling.h"
#include "engine/model/transformer.h"

namespace obverse::engine {

struct MaskedText {
  std::vector<std::int32_t> tokens;  // mask tokens where something is to be filled in
  std::uint64_t row = 0;             // which draws of the seed are its own
};

struct UnmaskingOptions {
  // How each token is chosen. The place that is filled next is the one whose token the model finds
  // the most probable, of equals the first.
  SamplingOptions sampling{.greedy = true};
  std::int32_t mask_token = 0;
  // Passes of the model over a text, which then fills as many tokens as it must at a time; 0, or
  // more than it has masks: one token a pass.
  std::int64_t steps = 0;
  std::vector<std::int32_t> excluded_tokens;  // beside the mask token: never filled in
  // Texts at a time, at most: fewer where their logits would take more than 256 MB.
  std::int64_t rows = 16;
};

// Told of each token that is filled in, in the order of their places within a pass.
using UnmaskingListener =
    std::function<void(std::size_t text, std::size_t place, std::int32_t token)>;

// The texts without mask tokens. The model's mask is bidirectional, or prefix: then all of a text
// is its prefix. Throws std::invalid_argument for options, texts and causal models that it cannot
// serve, and std::runtime_error where logits are no numbers.
std::vector<std::vector<std::int32_t>> unmask(const Transformer& model,
                                              const std::vector<MaskedText>& texts,
                                              const UnmaskingOptions& options,
                                              const UnmaskingListener& listener = {});

}  // namespace obverse::engine
