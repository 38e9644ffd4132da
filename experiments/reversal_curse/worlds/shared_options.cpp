#include "experiments/reversal_curse/worlds/shared_options.h"

#include "experiments/reversal_curse/worlds/pairs_frames.h"
#include "experiments/reversal_curse/worlds/pairs_names.h"

namespace obverse::reversal {

WorldOption name_tokens_option(int usual) {
  return {"name_tokens", "Tokens a name", usual, 1, kMaximumNameTokens, {}};
}

WorldOption name_pool_option() {
  return {"name_pool",
          "Name tokens a position; 0: every token belongs to one name, -1: names share them",
          kUniqueNamePool,
          kSharedNamePool,
          4000000,
          {}};
}

WorldOption templates_option(int usual) {
  return {"templates",
          "Training phrasings a direction; one more is held out for questions",
          usual,
          1,
          kMaximumTemplates,
          {}};
}

WorldOption share_both_option(double usual) {
  return {"share_both", "Part of the facts that is stated both ways", usual, 0, 1, {}};
}

WorldOption forward_share_option(double usual) {
  return {"forward_share", "Of the facts stated one way, the part stated forward", usual, 0, 1, {}};
}

WorldOption unseen_pairs_option(int usual) {
  return {"unseen_pairs", "Further facts that are never stated", usual, 0, 1000000, {}};
}

}  // namespace obverse::reversal
