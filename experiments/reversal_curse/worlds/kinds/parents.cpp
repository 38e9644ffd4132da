#include "experiments/reversal_curse/worlds/parents_rows.h"
#include "experiments/reversal_curse/worlds/parents_world.h"
#include "experiments/reversal_curse/worlds/shared_options.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {
namespace {

ParentsOptions parents_options(const std::filesystem::path& folder, const nlohmann::json& options,
                               std::uint64_t seed) {
  return {.folder = folder,
          .share_both = options.at("share_both"),
          .forward_share = options.at("forward_share"),
          .unseen_pairs = options.at("unseen_pairs"),
          .templates = options.at("templates"),
          .leave_out_shared_words = options.at("shared_words") == "leave_out",
          .seed = seed};
}

World read(const std::filesystem::path& folder, const nlohmann::json& options, std::uint64_t seed) {
  return make_parents_world(parents_options(folder, options, seed));
}

FactRecords records(const MadeWorld& made) {
  return make_parents_records(parents_options(made.folder, made.options, made.seed));
}

}  // namespace

std::vector<WorldKind> parents_worlds() {
  const ParentsOptions usual;
  return {{.name = "parents",
           .summary = "celebrities and their parents, the list of Experiment 2 of Berglund et al. "
                      "2023; needs --data DIR",
           .options = {templates_option(usual.templates),
                       share_both_option(usual.share_both),
                       forward_share_option(usual.forward_share),
                       unseen_pairs_option(usual.unseen_pairs),
                       {"shared_words",
                        "Pairs whose two names share a word: leave_out or keep",
                        "leave_out",
                        0,
                        0,
                        {"leave_out", "keep"}}},
           .read = read,
           .files = {kParentsFile},
           .records = records}};
}

}  // namespace obverse::reversal
