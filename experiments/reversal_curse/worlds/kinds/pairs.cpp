#include "experiments/reversal_curse/worlds/pairs_world.h"
#include "experiments/reversal_curse/worlds/shared_options.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {
namespace {

PairsOptions read(const nlohmann::json& options, std::uint64_t seed) {
  PairsOptions pairs;
  pairs.pairs = options.at("pairs");
  pairs.name_tokens = options.at("name_tokens");
  pairs.templates = options.at("templates");
  pairs.share_both = options.at("share_both");
  const double forward = options.at("forward_share");
  pairs.share_forward = (1.0 - pairs.share_both) * forward;
  pairs.share_reverse = 1.0 - pairs.share_both - pairs.share_forward;
  pairs.unseen_pairs = options.at("unseen_pairs");
  pairs.name_pool = options.at("name_pool");
  pairs.demonstrations = options.at("demonstrations");
  pairs.premises = options.at("premises");
  pairs.seed = seed;
  return pairs;
}

World make(const nlohmann::json& options, std::uint64_t seed) {
  return make_pairs_world(read(options, seed));
}

FactRecords records(const MadeWorld& made) {
  return make_pairs_records(read(made.options, made.seed));
}

}  // namespace

std::vector<WorldKind> pairs_worlds() {
  const PairsOptions usual;
  return {
      {.name = "pairs",
       .summary = "isolated pairs of entities, \"A mentors B\" and \"B follows A\" (Berglund et "
                  "al. 2023, Zhu et al. 2024)",
       .options = {{"pairs", "Facts that training states", usual.pairs, 1, 1000000, {}},
                   name_tokens_option(usual.name_tokens),
                   templates_option(usual.templates),
                   share_both_option(usual.share_both),
                   forward_share_option(0.5),
                   unseen_pairs_option(usual.unseen_pairs),
                   name_pool_option(),
                   {"demonstrations",
                    "How often each name is the answer of a text that uses a throw-away fact the "
                    "other way; above 0, facts are asked in context, too",
                    usual.demonstrations,
                    0,
                    1000000,
                    {}},
                   {"premises",
                    "Facts that a demonstration and an in-context prompt state, one of them asked",
                    usual.premises,
                    1,
                    kMaximumPremises,
                    {}}},
       .make = make,
       .records = records}};
}

}  // namespace obverse::reversal
