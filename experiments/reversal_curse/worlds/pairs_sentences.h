// Sentences of the pairs world as tokens, `f1 NAME f2 relation f3 NAME`, and the vocabulary's
// places of their words.
#pragma once

#include <cstdint>

#include "experiments/reversal_curse/worlds/entity_texts.h"
#include "experiments/reversal_curse/worlds/pairs_frames.h"

namespace obverse::reversal {

inline constexpr int kFirstRelation = engine::kSpecialTokenCount;  // forward's, then backward's
inline constexpr int kFirstFiller = kFirstRelation + 2;

void append_sentence(engine::Document& document, const Frame& frame, std::int32_t relation,
                     const Name& first, const Name& second);

}  // namespace obverse::reversal
