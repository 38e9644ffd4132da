// Sentences of the pairs world as tokens, `f1 NAME f2 relation f3 NAME`, and the vocabulary's
// places of their words.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/document.h"
#include "experiments/reversal_curse/worlds/pairs_frames.h"

namespace obverse::reversal {

inline constexpr int kForward = 0, kBackward = 1;
inline constexpr int kFirstRelation = engine::kSpecialTokenCount;  // forward's, then backward's
inline constexpr int kFirstFiller = kFirstRelation + 2;

using Name = std::vector<std::int32_t>;

void append_name(engine::Document& document, const Name& name);

void append_sentence(engine::Document& document, const Frame& frame, std::int32_t relation,
                     const Name& first, const Name& second);

}  // namespace obverse::reversal
