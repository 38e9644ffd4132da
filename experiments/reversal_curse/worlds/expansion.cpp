#include "experiments/reversal_curse/worlds/expansion.h"

#include <algorithm>
#include <array>
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

// What is not asked of an expanded fact.
bool is_spoilt(Asked asked) {
  return asked == Asked::infill || asked == Asked::in_context || asked == Asked::wrong_inference;
}

bool is_about_one_way(Asked asked) {
  return asked == Asked::trained || asked == Asked::reverse || is_spoilt(asked);
}

// A part of a candidate set: the right answers of expanded facts, or those of the others.
struct Part {
  std::map<int, int> places;  // from the whole set to `set`
  int set = 0;
  std::vector<int> wrong;  // to each right answer of `set`
};

// What an expanded fact is answered with stands in texts where that of another fact never does, and
// is likelier for that alone. So each chooses among its own, and so are wrong answers drawn.
void separate_candidates(World& world, const std::set<int>& expanded, std::uint64_t seed) {
  std::map<int, std::array<Part, 2>> parts;  // by candidate set
  const auto side_of = [&expanded](const Question& question) {
    return static_cast<std::size_t>(expanded.count(question.fact));
  };
  for (const Question& question : world.questions) {
    if (!is_about_one_way(question.asked)) continue;
    parts[question.candidates][side_of(question)].places.insert({question.right, 0});
  }
  for (auto& [whole, sides] : parts) {
    if (sides[0].places.empty() || sides[1].places.empty()) continue;
    for (std::size_t side = 0; side < sides.size(); ++side) {
      Part& part = sides[side];
      part.set = static_cast<int>(world.candidate_sets.size());
      CandidateSet set;
      for (auto& [from, to] : part.places) {
        to = static_cast<int>(set.answers.size());
        set.answers.push_back(world.candidate_sets[static_cast<std::size_t>(whole)]
                                  .answers[static_cast<std::size_t>(from)]);
      }
      world.candidate_sets.push_back(std::move(set));
      if (part.places.size() < 2) continue;
      kernels::RandomSequence draws =
          world_draws(seed, WorldDraw::expansion, 1 + 2 * static_cast<std::uint64_t>(whole) + side);
      part.wrong = draw_derangement(static_cast<int>(part.places.size()), draws);
    }
  }
  std::vector<Question> kept;
  for (Question& question : world.questions) {
    const auto found = parts.find(question.candidates);
    if (is_about_one_way(question.asked) &&
        found->second[1 - side_of(question)].places.size() > 0) {
      const Part& part = found->second[side_of(question)];
      if (part.wrong.empty()) continue;  // alone: there is nothing to choose among
      question.candidates = part.set;
      question.right = part.places.at(question.right);
      question.wrong = part.wrong[static_cast<std::size_t>(question.right)];
    }
    kept.push_back(std::move(question));
  }
  world.questions = std::move(kept);
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
  std::map<int, std::vector<int>> facts_of;  // by unit
  for (const auto& [fact, texts] : neighbours) {
    facts_of[world.units.empty() ? fact : world.units.at(static_cast<std::size_t>(fact))].push_back(
        fact);
  }
  std::vector<int> units, drawn;
  for (const auto& [unit, members] : facts_of) units.push_back(unit);
  draws.shuffle(units);
  units.resize(part_of(facts, units.size()));
  for (const int unit : units) {
    drawn.insert(drawn.end(), facts_of.at(unit).begin(), facts_of.at(unit).end());
  }
  for (const int fact : drawn) {
    std::vector<std::size_t>& texts = neighbours.at(fact);
    draws.shuffle(texts);
    texts.resize(part_of(expansion, texts.size()));
    for (const std::size_t i : texts) world.documents.push_back(world.neighbours[i].document);
  }
  const std::set<int> expanded(drawn.begin(), drawn.end());
  // Those that go take their answers with them: they are no candidates of others.
  separate_candidates(world, expanded, seed);
  std::vector<Question> kept;
  for (Question& question : world.questions) {
    if (expanded.count(question.fact) > 0) {
      if (is_spoilt(question.asked)) continue;
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
