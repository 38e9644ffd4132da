// Texts continued from left to right, many at a time, each token's keys and values kept.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/generation/sampling.h"
#include "engine/model/transformer.h"

namespace obverse::engine {

struct Prompt {
  std::vector<std::int32_t> tokens;  // REQUIRES: at least one
  // Which draws of the seed are its own. What a prompt gives depends on its tokens, this number and
  // the options, not on the prompts beside it, but for the last bits of its logits: products of
  // matrices may add in another order where there are more rows.
  std::uint64_t row = 0;
};

struct GenerationOptions {
  SamplingOptions sampling;
  std::int64_t tokens = 128;  // new ones of each prompt, at most
  // Any of these ends a text, of which it is no part.
  std::vector<std::int32_t> end_tokens;
  // Never generated: padding, masks, separators.
  std::vector<std::int32_t> excluded_tokens;
  // Of prefix-masked models: whether a prompt's tokens see each other both ways, or only its first
  // one is prefix, as texts of causal objectives in a mixture have it.
  bool prompt_is_prefix = true;
  // Prompts at a time, the next ones when all of them have ended. Memory for keys and values is as
  // many times the longest text.
  std::int64_t rows = 16;
};

enum class Ending {
  end_token,
  tokens,   // as many as were asked for
  context,  // prompt and text are as long as the model's context
};
const char* name_of(Ending ending);

struct Generation {
  std::vector<std::int32_t> tokens;  // without the prompt's
  Ending ending = Ending::tokens;
  double logprob = 0.0;  // nats, summed over tokens and, where it came, the end token
};

// Told of what is generated, as it is.
struct GenerationListener {
  std::function<void(std::size_t prompt, std::int32_t token)> token;
  std::function<void(std::size_t prompt, const Generation& generation)> end;
};

// One for each prompt, in their order. Throws std::invalid_argument for options, prompts and
// bidirectional models that it cannot serve, and std::runtime_error where logits are no numbers.
std::vector<Generation> generate(const Transformer& model, const std::vector<Prompt>& prompts,
                                 const GenerationOptions& options,
                                 const GenerationListener& listener = {});

}  // namespace obverse::engine
