// The loss of texts that training does not see.
#pragma once

#include <cstdint>

#include "engine/data/example_source.h"
#include "engine/model/transformer.h"

namespace obverse::train {

// Nats a target over the source's first `examples` draws, or over all that it has where these are
// fewer, `batch` of them at a time. The same ones at every call.
double validation_loss(const engine::Transformer& model, engine::ExampleSource& source,
                       std::int64_t examples, std::int64_t batch);

}  // namespace obverse::train
