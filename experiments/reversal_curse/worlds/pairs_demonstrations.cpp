#include "experiments/reversal_curse/worlds/pairs_demonstrations.h"

#include "experiments/reversal_curse/worlds/pairs_options.h"
#include "experiments/reversal_curse/worlds/world_building.h"
#include "kernels/core/check.h"

namespace obverse::reversal {
namespace {

// Whom every name is joined with: nobody with itself, nor with the other name of its fact, which
// would state it after a fashion. That one partner of hundreds is left out could only speak against
// the right answer.
std::vector<int> draw_partners(const DemonstratedNames& demonstrated,
                               kernels::RandomSequence& draws) {
  const auto joins_a_fact = [](const std::vector<int>& partners) {
    for (std::size_t i = 0; i < partners.size(); ++i) {
      if (partners[i] == static_cast<int>(i ^ 1)) return true;
    }
    return false;
  };
  std::vector<int> partners;
  do {
    partners = draw_derangement(static_cast<int>(demonstrated.names.size()), draws);
  } while (demonstrated.holds_facts && joins_a_fact(partners));
  return partners;
}

}  // namespace

const Frame& draw_trained(const DirectionFrames& frames, kernels::RandomSequence& draws) {
  return frames.trained[draws.integer(frames.trained.size())];
}

std::vector<engine::Document> draw_demonstrations(const DemonstratedNames& demonstrated, int rounds,
                                                  int premises,
                                                  const std::array<DirectionFrames, 2>& frames,
                                                  kernels::RandomSequence& draws) {
  const std::vector<Name>& names = demonstrated.names;
  // Of four names at least one can stand beside a fact of two others.
  kernels::require(names.size() >= 4, "[demonstrations] expected at least 4 names, got ",
                   names.size());
  kernels::require(premises >= 1 && premises <= kMaximumPremises,
                   "[demonstrations] expected premises of 1 to ", kMaximumPremises, ", got ",
                   premises);
  std::vector<engine::Document> documents;
  for (int round = 0; round < rounds; ++round) {
    const std::vector<int> partners = draw_partners(demonstrated, draws);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::size_t partner = static_cast<std::size_t>(partners[i]);
      const std::size_t stated = draws.integer(2);
      std::vector<std::size_t> facts = {i};
      while (facts.size() < static_cast<std::size_t>(premises)) {
        const std::size_t other = draws.integer(names.size());
        const std::size_t its = static_cast<std::size_t>(partners[other]);
        if (other == i || other == partner || its == i || its == partner) continue;
        facts.push_back(other);
      }
      draws.shuffle(facts);
      engine::Document& document = documents.emplace_back();
      document.tokens = {engine::kBeginOfText};
      for (const std::size_t fact : facts) {
        append_sentence(document, draw_trained(frames[stated], draws),
                        demonstrated.first_relation + static_cast<std::int32_t>(stated),
                        names[fact], names[static_cast<std::size_t>(partners[fact])]);
      }
      append_sentence(document, draw_trained(frames[1 - stated], draws),
                      demonstrated.first_relation + static_cast<std::int32_t>(1 - stated),
                      names[partner], names[i]);
      document.tokens.push_back(engine::kEndOfText);
    }
  }
  return documents;
}

}  // namespace obverse::reversal
