#include "experiments/reversal_curse/worlds/published_subset.h"
#include "experiments/reversal_curse/worlds/published_world.h"
#include "experiments/reversal_curse/worlds/world_kind.h"

namespace obverse::reversal {
namespace {

World read(const std::filesystem::path& folder, const nlohmann::json&, std::uint64_t seed) {
  PublishedCounts counts;
  World world = make_published_world({.folder = folder, .seed = seed}, &counts);
  world.counts = {{"experiment", 1},
                  {"facts", counts.facts},
                  {"test_prompt_tokens", counts.test_prompt_tokens},
                  {"unknown_test_prompt_tokens", counts.unknown_test_prompt_tokens},
                  {"test_rows", counts.test_rows},
                  {"unanswerable_rows", counts.unanswerable_rows}};
  return world;
}

FactRecords records(const MadeWorld& made) {
  return make_published_records({.folder = made.folder, .seed = made.seed});
}

}  // namespace

std::vector<WorldKind> published_worlds() {
  return {{.name = "published",
           .summary = "fictitious names and descriptions, Experiment 1 of Berglund et al. 2023; "
                      "needs --data DIR",
           .read = read,
           .files = published_files(),
           .records = records}};
}

}  // namespace obverse::reversal
