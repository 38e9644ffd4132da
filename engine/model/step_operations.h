// How much arithmetic a training step is.
#pragma once

#include <cstdint>

#include "engine/model/transformer_config.h"

namespace obverse::engine {

// Multiplications and additions of one step's matrix products, forward and twice that for backward:
// 6 x the weights of all matrices but the embedding tables, the head's included, for each token,
// and 12 x layers x width x sequence for attention's products, of which a causal mask leaves half.
// Nothing else is counted, nor what recomputing repeats.
double step_operations(const TransformerConfig& config, std::int64_t batch, std::int64_t sequence);

}  // namespace obverse::engine
