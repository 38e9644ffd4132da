#include "experiments/reversal_curse/worlds/families_world.h"
#include "experiments/reversal_curse/worlds/shared_options.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {
namespace {

FamiliesOptions families_options(const nlohmann::json& options, std::uint64_t seed) {
  FamiliesOptions made;
  made.families = options.at("families");
  made.held_out_share = options.at("held_out_share");
  made.composed_share = options.at("composed_share");
  made.templates = options.at("templates");
  made.name_tokens = options.at("name_tokens");
  made.unseen_families = options.at("unseen_families");
  made.seed = seed;
  return made;
}

World make(const nlohmann::json& options, std::uint64_t seed) {
  return make_families_world(families_options(options, seed));
}

FactRecords records(const MadeWorld& made) {
  return make_families_records(families_options(made.options, made.seed));
}

}  // namespace

std::vector<WorldKind> families_worlds() {
  const FamiliesOptions usual;
  return {
      {.name = "families",
       .summary = "families of seven whose twenty relations have inverses and compose (Kim et al. "
                  "2025)",
       .options = {{"families", "Families of seven people", usual.families, 2, 100000, {}},
                   {"held_out_share",
                    "Part of the families whose relations are stated one way only",
                    usual.held_out_share,
                    0,
                    1,
                    {}},
                   {"composed_share",
                    "Of the other families, the part in which a composed relation is not stated",
                    usual.composed_share,
                    0,
                    1,
                    {}},
                   templates_option(usual.templates),
                   name_tokens_option(usual.name_tokens),
                   {"unseen_families",
                    "Further families of which training mentions the names alone",
                    usual.unseen_families,
                    0,
                    100000,
                    {}}},
       .make = make,
       .records = records}};
}

}  // namespace obverse::reversal
