// The loss of texts that training does not see.
#pragma once

#include <cstdint>
#include <string>

#include "engine/data/example_source.h"
#include "engine/model/transformer.h"

namespace obverse::train {

// Throws std::runtime_error, one line that begins with `where`, if none of the source's first
// `examples` draws asks for anything.
void check_asked(engine::ExampleSource& source, std::int64_t examples, const std::string& where);

// Nats a target over the source's first `examples` draws, or over all that it has where these are
// fewer, `batch` of them at a time. The same ones at every call. REQUIRES: check_asked().
double validation_loss(const engine::Transformer& model, engine::ExampleSource& source,
                       std::int64_t examples, std::int64_t batch);

}  // namespace obverse::train
