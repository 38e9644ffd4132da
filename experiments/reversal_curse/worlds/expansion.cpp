#include "experiments/reversal_curse/worlds/expansion.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"
#include "kernels/core/random.h"

namespace obverse::reversal {
namespace {

bool is_wanted(NeighbourKind kind, const std::string& words) {
  switch (kind) {
    case NeighbourKind::paraphrase:
      return words == "all" || words == "paraphrases";
    case NeighbourKind::inverse:
      return words == "all" || words == "inverse";
    case NeighbourKind::composition:
      return words == "all" || words == "compositions";
  }
  return false;
}

// How many of `count` a share is; at least one of a share above 0.
std::size_t part_of(double share, std::size_t count) {
  if (share <= 0.0) return 0;
  const auto part = static_cast<std::size_t>(std::lround(share * static_cast<double>(count)));
  return std::clamp<std::size_t>(part, 1, count);
}

}  // namespace

std::vector<WorldOption> expansion_options() {
  return {{"expanded_facts",
           "Share of the facts stated one way that enter training with their neighbours",
           0.0,
           0.0,
           1.0,
           {}},
          {"expansion",
           "Share of each expanded fact's neighbours that training gets",
           1.0,
           0.0,
           1.0,
           {}},
          {"expansion_of",
           "Which neighbours: all, paraphrases, inverse or compositions",
           "all",
           0.0,
           0.0,
           {"all", "paraphrases", "inverse", "compositions"}}};
}

void expand_world(World& world, const nlohmann::json& options, std::uint64_t seed) {
  const double facts = options.at("expanded_facts").get<double>();
  const double expansion = options.at("expansion").get<double>();
  if (facts <= 0.0 || expansion <= 0.0) return;
  std::map<int, std::vector<std::size_t>> neighbours;  // by fact
  for (std::size_t i = 0; i < world.neighbours.size(); ++i) {
    const Neighbour& neighbour = world.neighbours[i];
    if (is_wanted(neighbour.kind, options.at("expansion_of").get<std::string>())) {
      neighbours[neighbour.fact].push_back(i);
    }
  }
  kernels::require(!neighbours.empty(), "[expansion] expected a world with ",
                   options.at("expansion_of").get<std::string>(), " neighbours, got ", world.name,
                   ", which has none");
  kernels::RandomSequence draws = world_draws(seed, WorldDraw::expansion);
  std::vector<int> drawn;
  for (const auto& [fact, texts] : neighbours) drawn.push_back(fact);
  draws.shuffle(drawn);
  drawn.resize(part_of(facts, drawn.size()));
  for (const int fact : drawn) {
    std::vector<std::size_t>& texts = neighbours.at(fact);
    draws.shuffle(texts);
    texts.resize(part_of(expansion, texts.size()));
    for (const std::size_t i : texts) world.documents.push_back(world.neighbours[i].document);
  }
  const std::set<int> expanded(drawn.begin(), drawn.end());
  std::vector<Question> kept;
  for (Question& question : world.questions) {
    if (expanded.count(question.fact) > 0) {
      if (question.asked == Asked::infill) continue;
      if (question.asked == Asked::trained) question.asked = Asked::expanded_trained;
      if (question.asked == Asked::reverse) question.asked = Asked::expanded_reverse;
    }
    kept.push_back(std::move(question));
  }
  world.questions = std::move(kept);
  world.counts["expanded_fact_count"] = expanded.size();
  world.longest = longest_text(world);
}

}  // namespace obverse::reversal
