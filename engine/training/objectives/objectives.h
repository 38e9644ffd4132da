// The factories of every objective: one file each beside this one, one line each here and in
// objective.cpp.
#pragma once

#include <memory>

#include "engine/training/objective.h"

namespace obverse::engine {

std::unique_ptr<Objective> make_causal();
// `share` of the visits read the document back to front: token by token, or entity by entity.
std::unique_ptr<Objective> make_token_reversed(double share);
std::unique_ptr<Objective> make_entity_reversed(double share);
std::unique_ptr<Objective> make_masked_fixed(double rate);
std::unique_ptr<Objective> make_masked_uniform();
std::unique_ptr<Objective> make_prefix();

}  // namespace obverse::engine
