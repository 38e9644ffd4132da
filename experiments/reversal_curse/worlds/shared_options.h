// Options that several worlds have, so that the same name means the same in all of them.
#pragma once

#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {

WorldOption name_tokens_option(int usual);
// Of pairs_names.h.
WorldOption name_pool_option();
// Of pairs_frames.h.
WorldOption templates_option(int usual);
WorldOption share_both_option(double usual);
WorldOption forward_share_option(double usual);
WorldOption unseen_pairs_option(int usual);

}  // namespace obverse::reversal
